/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Futex calls, decoded from the registers with which a thread entered the kernel: at the
 * scheduler's switch and wake-up, so that no tracepoint of system calls is in use (see
 * locks.bpf.c). Include it behind bpf_core_read.h.
 */
#ifndef MEMTRACE_FUTEX_BPF_H
#define MEMTRACE_FUTEX_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define PF_KTHREAD 0x00200000
#if defined(__TARGET_ARCH_x86)
#define NR_FUTEX 202
#else
#define NR_FUTEX 98
#endif
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAKE 454
#define NR_FUTEX_WAIT 455
#define NR_FUTEX_REQUEUE 456
#define FUTEX_CMD_MASK 0x7f
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAKE_OP 5
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI 12
#define FUTEX_LOCK_PI2 13
/* Operations as bits. */
#define WAITING_OPS                                                         \
	(1u << FUTEX_WAIT | 1u << FUTEX_LOCK_PI | 1u << FUTEX_WAIT_BITSET | \
		1u << FUTEX_WAIT_REQUEUE_PI | 1u << FUTEX_LOCK_PI2)
#define WAKING_OPS                                                                      \
	(1u << FUTEX_WAKE | 1u << FUTEX_WAKE_BITSET | 1u << FUTEX_WAKE_OP |             \
		1u << FUTEX_UNLOCK_PI | 1u << FUTEX_REQUEUE | 1u << FUTEX_CMP_REQUEUE | \
		1u << FUTEX_CMP_REQUEUE_PI)

/* The registers of a system call, as far as a futex call has a use for them. */
struct futex_call {
	__u64 number;
	__u64 uaddr;
	__u64 op; /* futex(2) alone: with its flags */
	__u64 value;
	__u64 timeout; /* a pointer, or of a requeue or wake-op the second count */
	__u64 uaddr2;
};

static __always_inline bool futex_read_call(struct task_struct *task, struct futex_call *out)
{
	struct pt_regs *regs;

	if (task->flags & PF_KTHREAD)
		return false;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	if (!regs)
		return false;
#if defined(__TARGET_ARCH_x86)
	out->number = regs->orig_ax;
	out->uaddr = regs->di;
	out->op = regs->si;
	out->value = regs->dx;
	out->timeout = regs->r10;
	out->uaddr2 = regs->r8;
#else
	out->number = regs->syscallno;
	out->uaddr = regs->orig_x0;
	out->op = regs->regs[1];
	out->value = regs->regs[2];
	out->timeout = regs->regs[3];
	out->uaddr2 = regs->regs[4];
#endif
	return true;
}

static __always_inline bool futex_op_is(const struct futex_call *call, __u32 ops)
{
	__u32 op = call->op & FUTEX_CMD_MASK;

	return op <= FUTEX_LOCK_PI2 && ops >> op & 1;
}

/* Whether @task, which goes to sleep, does so in a futex call that waits; then fills @out. */
static __always_inline bool futex_is_wait(struct task_struct *task, struct futex_call *out)
{
	if (!futex_read_call(task, out))
		return false;
	if (out->number == NR_FUTEX)
		return futex_op_is(out, WAITING_OPS);
	return out->number == NR_FUTEX_WAIT || out->number == NR_FUTEX_WAITV;
}

/*
 * Whether @task is in a futex call that wakes those who wait at @uaddr. An interrupt that wakes has
 * the registers of whatever it interrupted, which are those of no such call.
 */
static __always_inline bool futex_wakes(struct task_struct *task, __u64 uaddr)
{
	struct futex_call call;

	if (!futex_read_call(task, &call))
		return false;
	if (call.number == NR_FUTEX)
		return futex_op_is(&call, WAKING_OPS) &&
		       (call.uaddr == uaddr || call.uaddr2 == uaddr);
	return call.number == NR_FUTEX_WAKE && call.uaddr == uaddr;
}

static __always_inline bool goes_to_sleep(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ((struct task_struct___old *)task, state);
}

#endif
