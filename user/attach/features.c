/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/kernel_btf.h"
#include "attach/kernel_function.h"
#include "attach/probe_child.h"
#include "attach/tracefs.h"
#include "task_work.skel.h"

#define OWN_FILE "/proc/self/exe"

static struct feature_result yes(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct feature_result no(const char *format, ...) __attribute__((format(printf, 1, 2)));

static struct feature_result yes(const char *format, ...)
{
	struct feature_result result = {.available = true};
	va_list args;

	va_start(args, format);
	vsnprintf(result.reason, sizeof(result.reason), format, args);
	va_end(args);
	return result;
}

static struct feature_result no(const char *format, ...)
{
	struct feature_result result = {.available = false};
	va_list args;

	va_start(args, format);
	vsnprintf(result.reason, sizeof(result.reason), format, args);
	va_end(args);
	return result;
}

static struct feature_result from_error(int err)
{
	struct feature_result result = no("%s", strerror(-err));

	result.is_forbidden = err == -EPERM || err == -EACCES;
	return result;
}

/* BTF starts with its magic number (Documentation/bpf/btf.rst). */
static struct feature_result probe_btf(void)
{
	uint16_t magic = 0;
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return no("/sys/kernel/btf/vmlinux: %s", strerror(errno));
	if (read(fd, &magic, sizeof(magic)) != sizeof(magic))
		magic = 0;
	close(fd);
	return magic == BTF_MAGIC ? yes("/sys/kernel/btf/vmlinux") : no("not readable");
}

static struct feature_result probe_ring_buffer(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0, getpagesize(), NULL);

	if (fd < 0)
		return from_error(-errno);
	close(fd);
	return yes("%s", "");
}

static struct feature_result probe_task_storage(void)
{
	int err = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, NULL);

	return err > 0 ? yes("%s", "") : err ? from_error(err) : no("not in this kernel");
}

/* A counter that a BPF program raises and this process reads. */
static int create_counter(void)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "memtrace_probe", 4, 8, 1, NULL);
}

static uint64_t read_counter(int map_fd)
{
	uint32_t key = 0;
	uint64_t value = 0;

	bpf_map_lookup_elem(map_fd, &key, &value);
	return value;
}

/* Loads a uprobe program that adds 1 to the counter and returns 0; without one only that. */
static int load_uprobe_program(unsigned int attach_type, int counter_fd)
{
	const struct bpf_insn counting[] = {
		/* r1 = address of the counter */
		{.code = BPF_LD | BPF_DW | BPF_IMM,
			.dst_reg = 1,
			.src_reg = BPF_PSEUDO_MAP_VALUE,
			.imm = counter_fd},
		{0},
		/* r2 = 1; lock *r1 += r2 */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 1, .src_reg = 2, .imm = BPF_ADD},
		/* r0 = 0; exit */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct bpf_insn *code = counter_fd < 0 ? counting + 4 : counting;
	size_t count = counter_fd < 0 ? 2 : sizeof(counting) / sizeof(counting[0]);
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		.expected_attach_type = (enum bpf_attach_type)attach_type);
	int fd =
		bpf_prog_load(BPF_PROG_TYPE_KPROBE, "memtrace_probe", "GPL", code, count, &options);

	return fd < 0 ? -errno : fd;
}

static struct feature_result probe_helper(enum bpf_func_id helper)
{
	/* libbpf takes a load that was not permitted for one that passed the verifier. */
	int program = load_uprobe_program(0, -1), err;

	if (program < 0)
		return from_error(program);
	close(program);
	err = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, helper, NULL);

	return err > 0 ? yes("%s", "") : err ? from_error(err) : no("not in this kernel");
}

/*
 * Before its fix in 6.10 uprobe_multi took the pid for that of a thread. The fix also made a
 * negative one -EINVAL, where before the directory was refused with -EBADF.
 */
static struct feature_result probe_multi(unsigned int attach_type)
{
	unsigned long long offset = 1;
	int program = load_uprobe_program(attach_type, -1);
	int any, negative;

	if (program < 0)
		return program == -EINVAL ? no("not in this kernel") : from_error(program);
	any = links__create_multi(program, attach_type, "/", &offset, NULL, 1, 0, false);
	negative = links__create_multi(program, attach_type, "/", &offset, NULL, 1, -1, false);
	close(program);
	if (any >= 0)
		close(any);
	if (any != -EBADF)
		return no("not in this kernel");
	if (negative != -EINVAL)
		return no("its pid filter takes one thread for the process");
	return yes("%s", "");
}

/* Puts a probe on the child's function; the link's fd or -errno. */
static int probe_target(enum link_kind kind, int program_fd, pid_t pid, bool at_return)
{
	unsigned long long offset, cookie = 0;
	int err = probe_child__offset(&offset);

	if (err)
		return err;
	if (kind == LINK_PERF)
		return links__create_perf(program_fd, OWN_FILE, offset, cookie, pid, at_return);
	return links__create_multi(program_fd,
		kind == LINK_SESSION ? ATTACH_TYPE_UPROBE_SESSION : ATTACH_TYPE_UPROBE_MULTI,
		OWN_FILE, &offset, &cookie, 1, pid, at_return);
}

struct child_run {
	int status; /* of wait(2); or a negative errno */
	uint64_t hits;
};

/* Runs a child whose call is probed with the given kind of link. */
static struct child_run run_probed_child(enum link_kind kind, enum child_task task, bool at_return)
{
	static const unsigned int types[LINK_KIND_COUNT] = {
		[LINK_SESSION] = ATTACH_TYPE_UPROBE_SESSION,
		[LINK_MULTI] = ATTACH_TYPE_UPROBE_MULTI,
	};
	struct child_run run = {.status = -EIO};
	struct probe_child child;
	int counter = create_counter(), program, link;

	if (counter < 0)
		return (struct child_run){.status = -errno};
	program = load_uprobe_program(types[kind], counter);
	if (program < 0) {
		close(counter);
		return (struct child_run){.status = program};
	}
	run.status = probe_child__start(&child, task);
	if (!run.status) {
		link = probe_target(kind, program, child.pid, at_return);
		run.status = probe_child__finish(&child);
		if (link < 0)
			run.status = link;
		else
			close(link);
	}
	run.hits = read_counter(counter);
	close(program);
	close(counter);
	return run;
}

static struct feature_result probe_perf(void)
{
	struct child_run run = run_probed_child(LINK_PERF, CHILD_CALLS, false);

	if (run.status < 0)
		return from_error(run.status);
	return run.hits ? yes("%s", "") : no("the probe did not fire");
}

static struct feature_result judge_returns(struct child_run run, enum link_kind kind)
{
	/* A session program runs at entry and return. */
	uint64_t wanted = kind == LINK_SESSION ? 2 : 1;

	if (run.status < 0)
		return from_error(run.status);
	if (WIFSIGNALED(run.status))
		return no("the kernel kills the probed process (signal %d)", WTERMSIG(run.status));
	if (!WIFEXITED(run.status) || WEXITSTATUS(run.status))
		return no("the test process failed (status %d)", run.status);
	return run.hits >= wanted ? yes("%s", "") : no("the return was not seen");
}

/* LINK_PERF if nothing works: attaching then tells why. */
static enum link_kind best_link_kind(void)
{
	enum link_kind kind = LINK_PERF;

	features__find_link_kind(&kind, NULL);
	return kind;
}

static struct feature_result probe_returns(enum child_task task)
{
	enum link_kind kind = best_link_kind();

	return judge_returns(run_probed_child(kind, task, kind != LINK_SESSION), kind);
}

static struct feature_result probe_wide_nops(void)
{
	enum link_kind kind = best_link_kind();
	struct child_run run = run_probed_child(
		kind == LINK_SESSION ? LINK_MULTI : kind, CHILD_CALLS_AND_LOOKS, false);

	if (run.status < 0)
		return from_error(run.status);
	if (!WIFEXITED(run.status) || WEXITSTATUS(run.status) > 1 || !run.hits)
		return no("the test process failed (status %d)", run.status);
	return WEXITSTATUS(run.status) ? no("single-stepped") : yes("%s", "");
}

static int load_task_iterator(int btf_id)
{
	/* r0 = 0; exit */
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_ITER,
		.attach_btf_id = btf_id, .prog_flags = BPF_F_SLEEPABLE);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "memtrace_probe", "GPL", code, 2, &options);

	return fd < 0 ? -errno : fd;
}

static struct feature_result probe_task_iterator(void)
{
	struct kernel_type iterator = {.name = "bpf_iter_task", .kind = BTF_KIND_FUNC};
	int program, link;

	if (kernel_btf__find(&iterator, 1))
		return no("needs BTF");
	if (iterator.number < 0)
		return no("not in this kernel");
	program = load_task_iterator(iterator.number);
	if (program < 0)
		return program == -EINVAL ? no("not sleepable in this kernel")
					  : from_error(program);
	link = bpf_link_create(program, 0, BPF_TRACE_ITER, NULL);
	close(program);
	if (link < 0)
		return from_error(link);
	close(link);
	return yes("%s", "");
}

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static struct feature_result probe_hold(void)
{
	int err = kernel_function__allow_held();
	struct task_work_bpf *skel = NULL;
	libbpf_print_fn_t print;

	if (err)
		return from_error(err);
	/* A kernel that refuses it says why at length. */
	print = libbpf_set_print(print_nothing);
	err = kernel_function__has_task_work() ? 0 : -ENOENT;
	if (!err)
		err = (skel = task_work_bpf__open()) ? 0 : -errno;
	if (!err)
		err = task_work_bpf__load(skel);
	libbpf_set_print(print);
	task_work_bpf__destroy(skel);
	return err == -ENOENT || err == -EINVAL ? no("not in this kernel")
	       : err				? from_error(err)
						: yes("%s", "");
}

static struct feature_result probe_tracefs(void)
{
	struct error error;
	bool is_own_mount;
	int fd = tracefs__open_as(&is_own_mount, &error);

	if (fd < 0)
		return from_error(fd);
	close(fd);
	return is_own_mount ? yes("by a private mount") : yes("mounted");
}

struct feature_result features__probe(enum feature feature)
{
	switch (feature) {
	case FEATURE_BTF:
		return probe_btf();
	case FEATURE_RING_BUFFER:
		return probe_ring_buffer();
	case FEATURE_TASK_STORAGE:
		return probe_task_storage();
	case FEATURE_LOOP:
		return probe_helper(BPF_FUNC_loop);
	case FEATURE_ATTACH_COOKIE:
		return probe_helper(BPF_FUNC_get_attach_cookie);
	case FEATURE_UPROBE_SESSION:
		return probe_multi(ATTACH_TYPE_UPROBE_SESSION);
	case FEATURE_UPROBE_MULTI:
		return probe_multi(ATTACH_TYPE_UPROBE_MULTI);
	case FEATURE_UPROBE_PERF:
		return probe_perf();
	case FEATURE_RETURN_PROBES:
		return probe_returns(CHILD_CALLS);
	case FEATURE_SECCOMP_RETURNS:
		return probe_returns(CHILD_CALLS_CONFINED);
	case FEATURE_WIDE_NOPS:
		return probe_wide_nops();
	case FEATURE_TASK_ITERATOR:
		return probe_task_iterator();
	case FEATURE_HOLD:
		return probe_hold();
	case FEATURE_TRACEFS:
		return probe_tracefs();
	default:
		return no("unknown feature");
	}
}

const char *features__name(enum feature feature)
{
	static const char *const names[FEATURE_COUNT] = {
		[FEATURE_BTF] = "BTF",
		[FEATURE_RING_BUFFER] = "ring buffer",
		[FEATURE_TASK_STORAGE] = "task storage",
		[FEATURE_LOOP] = "bpf_loop",
		[FEATURE_ATTACH_COOKIE] = "attach cookies",
		[FEATURE_UPROBE_SESSION] = "uprobe session",
		[FEATURE_UPROBE_MULTI] = "uprobe multi",
		[FEATURE_UPROBE_PERF] = "perf-event uprobes",
		[FEATURE_RETURN_PROBES] = "return probes",
		[FEATURE_SECCOMP_RETURNS] = "returns under seccomp",
		[FEATURE_WIDE_NOPS] = "multi-byte nops",
		[FEATURE_TASK_ITERATOR] = "task iterator",
		[FEATURE_HOLD] = "hold of new processes",
		[FEATURE_TRACEFS] = "tracefs",
	};

	return feature < FEATURE_COUNT ? names[feature] : "?";
}

static const char *const link_names[LINK_KIND_COUNT] = {
	[LINK_SESSION] = "session",
	[LINK_MULTI] = "multi",
	[LINK_PERF] = "perf",
};

/* What MEMTRACE_LINKS asks for: a kind, LINK_KIND_COUNT for the best, -1 for nonsense. */
static int wanted_link_kind(void)
{
	const char *wanted = getenv("MEMTRACE_LINKS");

	if (!wanted || !*wanted)
		return LINK_KIND_COUNT;
	for (int i = 0; i < LINK_KIND_COUNT; i++)
		if (!strcmp(wanted, link_names[i]))
			return i;
	return -1;
}

int features__find_link_kind(enum link_kind *kind, struct error *error)
{
	static const enum feature of_kind[LINK_KIND_COUNT] = {
		[LINK_SESSION] = FEATURE_UPROBE_SESSION,
		[LINK_MULTI] = FEATURE_UPROBE_MULTI,
		[LINK_PERF] = FEATURE_UPROBE_PERF,
	};
	struct feature_result result = {0};
	int wanted = wanted_link_kind();

	*kind = LINK_PERF;
	if (wanted < 0)
		return error__set(error, -EINVAL,
			"MEMTRACE_LINKS must be session, multi or perf, or not set");
	for (int i = 0; i < LINK_KIND_COUNT; i++) {
		if (wanted != LINK_KIND_COUNT && wanted != i)
			continue;
		result = features__probe(of_kind[i]);
		*kind = i;
		if (result.available)
			return 0;
	}
	return error__set(error, -EOPNOTSUPP,
		"this kernel does not let memtrace attach uprobes: %s", result.reason);
}

bool features__emulates_wide_nops(void)
{
	return features__probe(FEATURE_WIDE_NOPS).available;
}

bool features__holds_processes(void)
{
	return features__probe(FEATURE_HOLD).available;
}

bool features__spares_confined(void)
{
	return features__probe(FEATURE_SECCOMP_RETURNS).available;
}
