/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Names of code made at run time: the system calls that write them. In the two forms that
 * mapping.bpf.c speaks of; without tracefs one program on the end of all system calls.
 */
#include "code_names.bpf.h"

/* The arguments of the system call that the current thread is leaving. */
static __always_inline int on_write_end(long written, bool is_vector)
{
	struct pt_regs *regs;

	if (!shared.makes_code)
		return 0;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
#ifdef __TARGET_ARCH_x86
	return on_write(regs->di, regs->si, regs->dx, written, is_vector);
#else
	return on_write(regs->orig_x0, regs->regs[1], regs->regs[2], written, is_vector);
#endif
}

SEC("tp/syscalls/sys_exit_write")
int exit_write(struct trace_event_raw_sys_exit *ctx)
{
	return on_write_end(result_of(ctx), false);
}

SEC("tp/syscalls/sys_exit_pwrite64")
int exit_pwrite64(struct trace_event_raw_sys_exit *ctx)
{
	return on_write_end(result_of(ctx), false);
}

SEC("tp/syscalls/sys_exit_writev")
int exit_writev(struct trace_event_raw_sys_exit *ctx)
{
	return on_write_end(result_of(ctx), true);
}

/* asm/unistd_64.h; asm-generic/unistd.h */
#ifdef __TARGET_ARCH_x86
enum { NUMBER_WRITE = 1, NUMBER_PWRITE64 = 18, NUMBER_WRITEV = 20 };
#define SYSTEM_CALL_NUMBER(regs) ((int)(regs)->orig_ax)
#define IS_NATIVE(regs) ((regs)->cs == 0x33)
#else
enum { NUMBER_WRITE = 64, NUMBER_WRITEV = 66, NUMBER_PWRITE64 = 68 };
#define SYSTEM_CALL_NUMBER(regs) ((regs)->syscallno)
#define IS_NATIVE(regs) (!((regs)->pstate & 0x10)) /* PSR_MODE32_BIT */
#endif

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_any_write, struct pt_regs *regs, long result)
{
	int number = SYSTEM_CALL_NUMBER(regs);

	if (!shared.makes_code || !IS_NATIVE(regs))
		return 0;
	if (number == NUMBER_WRITE || number == NUMBER_PWRITE64)
		return on_write_end(result, false);
	return number == NUMBER_WRITEV ? on_write_end(result, true) : 0;
}

char LICENSE[] SEC("license") = "GPL";
