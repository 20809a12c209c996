/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/kernel_function.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>

#include "attach/kernel_btf.h"
#include "probe.h"

#define SESSION_FUNCTION "bpf_session_is_return"
#define TASK_WORK_FUNCTION "bpf_task_work_schedule_resume_impl"

/* What is looked up in the kernel's BTF; a tracepoint by the type that the kernel makes for it. */
enum wanted { SESSION, TASK_WORK, FORK, EXEC, MEMORY, WANTED_COUNT };

static struct kernel_type wanted[WANTED_COUNT] = {
	[SESSION] = {.name = SESSION_FUNCTION, .kind = BTF_KIND_FUNC},
	[TASK_WORK] = {.name = TASK_WORK_FUNCTION, .kind = BTF_KIND_FUNC},
	[FORK] = {.name = "btf_trace_sched_process_fork", .kind = BTF_KIND_TYPEDEF},
	[EXEC] = {.name = "btf_trace_sched_process_exec", .kind = BTF_KIND_TYPEDEF},
	[MEMORY] = {.name = "btf_trace_mmap_lock_released", .kind = BTF_KIND_TYPEDEF},
};

/*
 * The number of what is wanted, or a negative errno. All is looked up at the first call; while the
 * kernel runs it stays as it is.
 */
static int find_number(enum wanted what)
{
	static bool is_read;
	int err;

	if (!is_read) {
		err = kernel_btf__find(wanted, WANTED_COUNT);
		if (err)
			return err;
		is_read = true;
	}
	return wanted[what].number;
}

/* The BTF tracepoint of a section "held/NAME"; -ENOENT if no such program is expected. */
static int find_tracepoint(const char *name)
{
	for (int i = FORK; i <= MEMORY; i++)
		if (!strcmp(wanted[i].name + strlen("btf_trace_"), name))
			return find_number(i);
	return -ENOENT;
}

/* Makes calls of the placeholder calls of the kernel's function; returns how many there were. */
static size_t patch_calls(struct bpf_insn *code, size_t count, int placeholder, int function)
{
	size_t patched = 0;

	for (size_t i = 0; i < count; i++) {
		if (code[i].code != (BPF_JMP | BPF_CALL) || code[i].src_reg ||
			code[i].imm != placeholder)
			continue;
		code[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
		code[i].imm = function;
		patched++;
	}
	return patched;
}

int kernel_function__bind_session(struct bpf_program *program, struct error *error)
{
	size_t count = bpf_program__insn_cnt(program);
	struct bpf_insn *code = malloc(count * sizeof(*code));
	int number = find_number(SESSION), err = 0;

	if (!code)
		return error__set(error, -ENOMEM, "out of memory");
	memcpy(code, bpf_program__insns(program), count * sizeof(*code));
	if (number < 0 || !patch_calls(code, count, PROBE_SESSION_CALL, number))
		err = -ENOENT;
	if (!err)
		err = bpf_program__set_insns(program, code, count);
	free(code);
	return err ? error__set(error, err, "cannot call the kernel's " SESSION_FUNCTION ": %s",
			     strerror(-err))
		   : 0;
}

/* A libbpf_prog_prepare_load_fn_t: the program is linked with its functions by now. */
static int prepare_held(
	struct bpf_program *program, struct bpf_prog_load_opts *options, long unused)
{
	const char *tracepoint = bpf_program__section_name(program) + strlen("held/");
	int number = find_number(TASK_WORK);
	struct bpf_insn *code = (struct bpf_insn *)bpf_program__insns(program);

	if (number < 0 ||
		!patch_calls(code, bpf_program__insn_cnt(program), PROBE_TASK_WORK_CALL, number))
		return -ENOENT;
	if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING)
		return 0;
	number = find_tracepoint(tracepoint);
	if (number < 0)
		return number;
	options->attach_btf_id = number;
	return 0;
}

int kernel_function__allow_held(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = prepare_held);
	/* libbpf 1.1 cannot take the last handler back: it goes on using what it has freed. */
	static int handle;
	static bool is_whole;

	/*
	 * From libbpf 1.3 on a program that is given another type than its section's loses the
	 * handler: the loader's hook has a handler of its own type. The first that fits is taken.
	 */
	if (handle <= 0)
		handle = libbpf_register_prog_handler(
			"held/loader", BPF_PROG_TYPE_KPROBE, 0, &options);
	if (handle > 0 && !is_whole) {
		is_whole = true;
		handle = libbpf_register_prog_handler(
			"held/", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, &options);
	}
	return handle < 0 ? handle : 0;
}

bool kernel_function__has_task_work(void)
{
	return find_number(TASK_WORK) >= 0;
}

bool kernel_function__watches_memory(void)
{
	return find_number(MEMORY) >= 0;
}
