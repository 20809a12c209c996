/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arguments of a probed function, from the registers that its site's cookie names. */
#ifndef MEMTRACE_ARGUMENTS_BPF_H
#define MEMTRACE_ARGUMENTS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "probe.h"

#ifdef __TARGET_ARCH_x86
#define SIXTH_ARGUMENT(ctx) ((ctx)->r9)
/* At entry rsp points at the return address; after `ret` it is one word higher. */
#define RETURN_SP(entry_sp) ((entry_sp) + 8)
#else
#define SIXTH_ARGUMENT(ctx) ((ctx)->regs[5])
#define RETURN_SP(entry_sp) (entry_sp)
#endif

/*
 * The argument of the function that the cookie names by its index. Every register is loaded at a
 * fixed offset of ctx: the verifier allows no computed one, to which clang would merge the cases.
 */
static __always_inline __u64 argument(struct pt_regs *ctx, __u32 index)
{
	__u64 value = PT_REGS_PARM1(ctx);

	barrier_var(value);
	if (index == 1) {
		value = PT_REGS_PARM2(ctx);
		barrier_var(value);
	} else if (index == 2) {
		value = PT_REGS_PARM3(ctx);
		barrier_var(value);
	} else if (index == 3) {
		value = PT_REGS_PARM4(ctx);
		barrier_var(value);
	} else if (index == 4) {
		value = PT_REGS_PARM5(ctx);
		barrier_var(value);
	} else if (index == 5) {
		value = SIXTH_ARGUMENT(ctx);
		barrier_var(value);
	} else if (index == PROBE_RAX) {
		value = PT_REGS_RC(ctx);
		barrier_var(value);
	}
	return value;
}

#endif
