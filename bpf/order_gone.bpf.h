/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The order of locks (order.bpf.c): memory that is no lock any more. It was destroyed, or freed, or
 * it lay on a thread's stack below a function that has returned.
 */
#ifndef MEMTRACE_ORDER_GONE_BPF_H
#define MEMTRACE_ORDER_GONE_BPF_H

#include "order_thread.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 18);
	__type(key, struct order_lock_key);
	__type(value, struct order_hold);
} order_holds SEC(".maps");

/*
 * Blocks of up to so many pieces are looked through; locks in larger ones are found by user space,
 * a little later.
 */
#define BLOCK_PIECES 64

static __always_inline void send_gone(struct order_thread *thread, __u64 address, __u64 size)
{
	struct order_lock_key key = {.process = thread->event.header.process, .address = address};
	struct order_hold *hold = bpf_map_lookup_elem(&order_holds, &key);
	struct order_gone *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);

	if (!event) {
		__sync_fetch_and_add(&order_shared.ring_full, 1);
		return;
	}
	event->header = thread->event.header;
	event->header.kind = EVENT_ORDER_GONE;
	event->header.flags = 0;
	event->header.time_ns = bpf_ktime_get_ns();
	event->address = address;
	event->size = size;
	__builtin_memset(&event->hold, 0, sizeof(event->hold));
	if (hold)
		event->hold = *hold;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	if (hold)
		bpf_map_delete_elem(&order_holds, &key);
}

/* Whether locks were met in the piece of memory; none is from here on. */
static __always_inline bool forget_piece(__u64 address)
{
	__u64 bit, *word = filter_word(address, &bit);

	if (!(*word & bit))
		return false;
	__sync_fetch_and_and(word, ~bit);
	__sync_fetch_and_add(epoch_of(address), 1);
	return true;
}

/* --- on a thread's own stack */

/* A stack that is larger was not made by the C library: its end is not known. */
#define MAX_STACK (64ull << 20)

/* Of the kernel's structures, what vmlinux.h leaves out. */
struct thread_struct___stack {
	unsigned long fsbase;
} __attribute__((preserve_access_index));

struct task_struct___stack {
	struct thread_struct___stack thread;
} __attribute__((preserve_access_index));

struct mm_struct___stack {
	unsigned long start_stack;
} __attribute__((preserve_access_index));

/*
 * Where the current thread's stack begins, from which it grows down to @sp: its descriptor, or that
 * of the process. 0: @sp is on no such stack, but on one for signals or of a fiber. @made: by
 * pthread_create, perhaps of what was the stack of another thread.
 */
static __always_inline __u64 stack_start(__u64 sp, bool *made)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 start = 0;

#ifdef __TARGET_ARCH_x86
	start = BPF_CORE_READ((struct task_struct___stack *)task, thread.fsbase);
#endif
	*made = start > sp && start - sp < MAX_STACK;
	if (*made)
		return start;
	start = BPF_CORE_READ((struct mm_struct___stack *)task->mm, start_stack);
	return start > sp && start - sp < MAX_STACK ? start : 0;
}

/* Whether @lock may be on the thread's stack, and is none that is known to be there. */
static __always_inline bool may_be_new_on_stack(
	const struct order_thread *thread, __u64 lock, __u64 sp)
{
	return lock - sp < MAX_STACK && (lock < thread->stack_low || lock > thread->stack_high);
}

/* A lock that is met, and may be on the thread's stack. */
static __noinline int note_stack_lock(struct order_thread *thread, __u64 lock, __u64 sp)
{
	bool made;
	__u64 start = stack_start(sp, &made);

	if (!start || lock < sp || lock >= start)
		return 0;
	/* What lay there before is another thread's. */
	if (!thread->has_stack_locks && made)
		send_gone(thread, sp, start - sp);
	thread->has_stack_locks = 1;
	if (!thread->stack_low || lock < thread->stack_low)
		thread->stack_low = lock;
	if (lock > thread->stack_high)
		thread->stack_high = lock;
	return 0;
}

/* The functions have returned whose frames lay below @sp: their locks are gone. */
static __noinline int end_stack_locks(struct order_thread *thread, __u64 sp)
{
	__u64 low = thread->stack_low, high = thread->stack_high, piece;
	__u64 end = high < sp ? high + 1 : sp;
	bool made;

	if (!stack_start(sp, &made))
		return 0;
	piece = low & ~((1ull << ORDER_GRAIN_SHIFT) - 1);
	for (int i = 0; i < BLOCK_PIECES && piece < end; i++) {
		forget_piece(piece);
		piece += 1ull << ORDER_GRAIN_SHIFT;
	}
	send_gone(thread, low, end - low);
	thread->stack_low = high < sp ? 0 : sp;
	if (high < sp)
		thread->stack_high = 0;
	return 0;
}

#endif
