/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "attach/features.h"
#include "attach/kernel_function.h"
#include "attach/tracer_private.h"
#include "base/file.h"
#include "base/log.h"
#include "process/huge_page_setting.h"
#include "process/maps.h"

/* Numbers of process images start at 1: 0 is none. */
#define FIRST_PROCESS 1

/* --- loading */

/* A number of /proc/sys/vm (proc(5)); @otherwise if it cannot be read. */
static long read_vm_setting(const char *name, long otherwise)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	file = fopen(path, "re");
	if (!file)
		return otherwise;
	if (fscanf(file, "%ld", &otherwise) != 1)
		log__debug("%s does not hold a number", path);
	fclose(file);
	return otherwise;
}

/* Memory is promised within reason, without bound, or never more than there is. */
enum { OVERCOMMIT_HEURISTIC, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

/* More than this in one allocation fails: it is all the memory that there is. */
static uint64_t impossible_size(void)
{
	struct sysinfo info;

	/* With overcommitment only the address space is a bound. */
	if (read_vm_setting("overcommit_memory", OVERCOMMIT_ALWAYS) == OVERCOMMIT_ALWAYS ||
		sysinfo(&info))
		return 1ull << 47;
	return ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
}

static void describe_pages(struct tracer *tracer)
{
	struct huge_page_setting huge = huge_pages__setting();

	tracer->skel->rodata->page_bytes = sysconf(_SC_PAGESIZE);
	tracer->skel->rodata->huge_pages_always = huge.always;
	tracer->skel->rodata->huge_page_bytes = huge.never ? 0 : huge.bytes;
	tracer->skel->rodata->tells_of_code = true;
}

static int open_programs(struct tracer *tracer, struct error *error)
{
	struct tracer_bpf *skel = tracer_bpf__open();

	if (!skel)
		return error__set(error, -errno, "cannot open the BPF programs: %m");
	tracer->skel = skel;
	if (tracer__choose_programs(tracer, error))
		return error->code;
	if (tracer->options.page_faults)
		describe_pages(tracer);
	skel->rodata->stack_mode = tracer->options.stacks;
	skel->rodata->max_frames = skel->rodata->order_max_frames = tracer->options.max_frames;
	skel->rodata->wakeup_bytes = tracer->options.ring_size / 4;
	skel->rodata->impossible_size = impossible_size();
	skel->rodata->max_map_count = read_vm_setting("max_map_count", 0);
	skel->rodata->hold_limit_ns = tracer->options.hold_limit_ns;
	skel->rodata->measures_costs = tracer->options.windows;
	bpf_map__set_max_entries(skel->maps.ring, tracer->options.ring_size);
	if (tracer->options.control_ring_size)
		bpf_map__set_max_entries(
			skel->maps.control_ring, tracer->options.control_ring_size);
	return 0;
}

static int load_programs(struct tracer *tracer, struct error *error)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	int err = tracer_bpf__load(tracer->skel);

	if (err == -EPERM)
		return error__set(error, err,
			"no permission to load BPF programs: run as root, or with CAP_BPF, "
			"CAP_PERFMON and CAP_SYS_PTRACE (see memtrace doctor)");
	if (file__is_limit(err))
		return error__set(error, err, "cannot load the BPF programs: %s", strerror(-err));
	if (err)
		return error__set(error, err,
			"the kernel refuses the BPF programs: %s (see memtrace doctor)",
			strerror(-err));
	tracer->shared = &tracer->skel->bss->shared;
	tracer->shared->next_process = FIRST_PROCESS;
	tracer->shared->tells_registers = tracer->callbacks.registers != NULL;
	err = bpf_prog_test_run_opts(
		bpf_program__fd(tracer->skel->progs.find_namespace_level), &run);
	return err ? error__set(error, err, "cannot find memtrace's own pid namespace: %s",
			     strerror(-err))
		   : 0;
}

/* Those of process life and of the memory system calls. */
static int attach_tracepoints(struct tracer *tracer, struct error *error)
{
	struct bpf_program *program;
	int err;

	bpf_object__for_each_program(program, tracer->skel->obj)
	{
		const char *section = bpf_program__section_name(program);

		if (!bpf_program__autoload(program))
			continue;
		if (!strncmp(section, "tp_btf/", 7) || !strncmp(section, "held/sched", 10) ||
			!strncmp(section, "held/mmap", 9))
			err = links__attach_btf_tracepoint(tracer->links, program, error);
		else if (strncmp(section, "tp/syscalls/", 12) == 0)
			err = links__attach_tracepoint(
				tracer->links, program, "syscalls", section + 12, error);
		else
			continue;
		if (err)
			return err;
	}
	return 0;
}

static int prepare_unwinding(struct tracer *tracer, struct error *error)
{
	struct unwind_maps_fds fds = {
		.spaces = bpf_map__fd(tracer->skel->maps.unwind_spaces),
		.ranges = bpf_map__fd(tracer->skel->maps.unwind_ranges),
		.segments = bpf_map__fd(tracer->skel->maps.unwind_segments),
	};

	if (tracer->options.python && tracer->options.stacks != STACKS_NONE) {
		tracer->pythons =
			pythons__new(bpf_map__fd(tracer->skel->maps.python_spaces), tracer->shared);
		if (!tracer->pythons)
			return error__set(error, -ENOMEM, "out of memory");
	}
	if (tracer->options.stacks != STACKS_CFI)
		return 0;
	tracer->unwinding = unwinding__new(&fds, &tracer->skel->bss->unwind_shared, error);
	return tracer->unwinding ? 0 : -ENOMEM;
}

/*
 * Whether a program can decline the return of a call. It cannot where several processes have their
 * own links to a function: the kernel gives a call its return probe if any of these programs does
 * not decline, and takes one that is for another process, which it does not run, for such a one.
 */
static bool can_decline_returns(const struct tracer *tracer)
{
	return tracer->link_kind == LINK_SESSION && tracer->options.is_single &&
	       !tracer->options.follow &&
	       read_vm_setting("overcommit_memory", OVERCOMMIT_NEVER) != OVERCOMMIT_NEVER;
}

#define CODE_LOG_BYTES (CODE_LOG_SIZE * sizeof(struct code_change)) /* whole pages */

static int open_code_log(struct tracer *tracer, struct error *error)
{
	struct code_log log = {
		.newest = &tracer->shared->code_changes,
		.epochs = tracer->shared->code_epochs,
		.makes_code = &tracer->shared->makes_code,
	};

	log.entries = mmap(NULL, CODE_LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_map__fd(tracer->skel->maps.code_log), 0);
	if (log.entries == MAP_FAILED)
		return error__set(error, -errno, "cannot map the log of code changes: %m");
	tracer->code_log = log.entries;
	spaces__read_log(tracer->spaces, &log);
	return 0;
}

static void close_code_log(struct tracer *tracer)
{
	if (!tracer->code_log)
		return;
	spaces__leave_log(tracer->spaces);
	munmap(tracer->code_log, CODE_LOG_BYTES);
}

static int prepare_tracer(struct tracer *tracer, struct error *error)
{
	int err;

	tracer->links = links__new();
	tracer->closer = closer__new();
	if (!tracer->links || !tracer->closer)
		return error__set(error, -ENOMEM, "out of memory");
	/* If none works, attaching will tell why. */
	err = features__find_link_kind(&tracer->link_kind, error);
	if (err == -EINVAL)
		return err;
	/* The verifier gives up on programs that hold and whose limit is a constant 0. */
	tracer->has_task_work = features__holds_processes();
	tracer->holds_processes =
		tracer->options.hold_limit_ns && !tracer->options.windows && tracer->has_task_work;
	tracer->is_dormant = tracer->options.windows;
	tracer->wide_nops = features__emulates_wide_nops();
	tracer->declines_returns = can_decline_returns(tracer);
	err = kernel_function__allow_held();
	if (err)
		return error__set(
			error, err, "cannot prepare the BPF programs: %s", strerror(-err));
	err = open_programs(tracer, error);
	if (!err)
		err = load_programs(tracer, error);
	if (!err)
		err = prepare_unwinding(tracer, error);
	if (!err)
		err = open_code_log(tracer, error);
	if (!err)
		err = attach_tracepoints(tracer, error);
	if (err)
		return err;
	tracer->control = ring_buffer__new(
		bpf_map__fd(tracer->skel->maps.control_ring), tracer__follow, tracer, NULL);
	if (!tracer->control)
		return error__set(error, -errno, "cannot map the control ring: %m");
	return 0;
}

struct tracer *tracer__new(const struct tracer_options *options, struct modules *modules,
	struct spaces *spaces, const struct tracer_callbacks *callbacks, struct error *error)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));

	if (!tracer) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	tracer->options = *options;
	tracer->callbacks = *callbacks;
	tracer->modules = modules;
	tracer->spaces = spaces;
	tracer->met_allocators = calloc(options->allocator_count + 1, sizeof(bool));
	if (!tracer->met_allocators)
		error__set(error, -ENOMEM, "out of memory");
	if (!tracer->met_allocators || prepare_tracer(tracer, error)) {
		tracer__free(tracer);
		return NULL;
	}
	return tracer;
}

void tracer__free(struct tracer *tracer)
{
	if (!tracer)
		return;
	close_code_log(tracer);
	hash_for_each (slot, &tracer->traced)
		tracer__detach(tracer, &slot->value);
	faults__close(&tracer->faults);
	links__close(tracer->links, tracer->closer);
	closer__free(tracer->closer);
	tracer__free_plans(tracer);
	ring_buffer__free(tracer->control);
	pythons__free(tracer->pythons);
	unwinding__free(tracer->unwinding);
	tracer_bpf__destroy(tracer->skel);
	traced_map__free(&tracer->traced);
	vec_free(&tracer->clocks);
	free(tracer->met_allocators);
	free(tracer);
}

/* --- targets */

/*
 * Where a process's program break is, to the page: the end of what /proc/PID/maps calls its heap;
 * 0 if it has none yet.
 */
static uint64_t read_program_break(pid_t pid)
{
	struct maps maps;
	uint64_t end = 0;

	if (maps__read(pid, &maps, NULL))
		return 0;
	for (size_t i = 0; i < maps.size; i++)
		if (!strcmp(maps.data[i].path, "[heap]"))
			end = maps.data[i].end;
	maps__free(&maps);
	return end;
}

uint32_t tracer__add(struct tracer *tracer, pid_t pid, bool awaits_exec, struct error *error)
{
	__u32 key = pid;
	struct target target = {
		.process = __sync_fetch_and_add(&tracer->shared->next_process, 1),
		.flags = (awaits_exec ? TARGET_AWAITS_EXEC : 0) |
			 (tracer->options.follow ? TARGET_FOLLOW : 0),
		.program_break = awaits_exec ? 0 : read_program_break(pid),
	};
	struct traced *traced = traced_map__insert(&tracer->traced, pid);
	int err;

	if (!traced || spaces__add(tracer->spaces, target.process, pid)) {
		error__set(error, -ENOMEM, "out of memory");
		return 0;
	}
	traced->process = target.process;
	err = bpf_map_update_elem(bpf_map__fd(tracer->skel->maps.targets), &key, &target, BPF_ANY);
	if (err) {
		error__set(error, -errno, "cannot make process %d a target: %m", pid);
		return 0;
	}
	if (tracer->options.page_faults) {
		err = faults__watch(&tracer->faults,
			bpf_program__fd(tracer->skel->progs.page_fault), pid,
			tracer->options.follow, error);
		if (err)
			return 0;
	}
	if (awaits_exec)
		return target.process;
	err = tracer__attach_mapped(tracer, pid, traced, error);
	return err < 0 ? 0 : target.process;
}

/* --- the rest */

void tracer__enable(struct tracer *tracer, bool enabled)
{
	__atomic_store_n(&tracer->shared->enabled, enabled, __ATOMIC_SEQ_CST);
}

int tracer__ring_fd(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skel->maps.ring);
}

size_t tracer__live_count(const struct tracer *tracer)
{
	return tracer->traced.size;
}

size_t tracer__pids(const struct tracer *tracer, pid_t *pids, size_t limit)
{
	size_t count = 0;

	hash_for_each (slot, &tracer->traced) {
		if (count < limit)
			pids[count++] = slot->key;
	}
	return count;
}

size_t tracer__site_count(const struct tracer *tracer)
{
	return tracer->site_count;
}

uint64_t tracer__faults_seen(const struct tracer *tracer)
{
	return __atomic_load_n(&tracer->shared->faults_seen, __ATOMIC_RELAXED);
}

void tracer__losses(const struct tracer *tracer, uint64_t losses[LOSS_COUNT])
{
	for (int i = 0; i < LOSS_COUNT; i++)
		losses[i] = __atomic_load_n(&tracer->shared->losses[i], __ATOMIC_RELAXED);
	/* With windows what runs between them is not lost but estimated. */
	if (tracer->options.windows)
		return;
	losses[LOSS_LATE_ATTACH] += tracer->late_attachments;
	losses[LOSS_HOLD_ENDED] += tracer->late_by_hold;
	losses[LOSS_UNHELD] += tracer->unheld;
	hash_for_each (slot, &tracer->traced)
		losses[LOSS_LATE_ATTACH] += slot->value.unproven;
	losses[LOSS_RETURN_MISSED] += tracer__left_own_calls(tracer);
}

void tracer__holds(const struct tracer *tracer, struct tracer_holds *holds)
{
	holds->count = tracer->shared->holds;
	holds->total_ns = tracer->shared->hold_ns;
	holds->longest_ns = tracer->shared->hold_max_ns;
	holds->timeouts = tracer->shared->hold_timeouts;
}
