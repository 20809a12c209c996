/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Where a walk begins: for programs that start walks, whichever object has the walker. */
#ifndef MEMTRACE_UNWIND_BEGIN_BPF_H
#define MEMTRACE_UNWIND_BEGIN_BPF_H

#include "vmlinux.h"

#include "unwind.h"

/* The walk begins at @pc with @sp; the other registers that it follows are those of @regs. */
static __always_inline void unwind__begin(
	struct unwind_walk *w, const struct pt_regs *regs, __u64 pc, __u64 sp)
{
	w->pc = pc;
	w->sp = sp;
#ifdef __TARGET_ARCH_x86
	w->bp = regs->bp;
	w->bx = regs->bx;
#else
	w->bp = regs->regs[29];
	w->bx = regs->regs[30];
#endif
}

#endif
