/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The order of locks (order.bpf.c): what each thread holds, and how locks and places are hashed.
 */
#ifndef MEMTRACE_ORDER_THREAD_BPF_H
#define MEMTRACE_ORDER_THREAD_BPF_H

#include "order_records.h"
#include "state.bpf.h"

/* A call that may fail, until it returns. */
struct order_try {
	__u64 sp; /* at its entry; 0: none is under way */
	__u64 lock;
	__u64 stack;
	__u32 facts;
	__u32 continues; /* of musl: it does the work of a call that was noted */
};

/* Words of the stack that are read at once: most frames have their return addresses in them. */
#define CALL_WORDS 16

struct order_thread {
	__u64 mm; /* of the program that it runs: another one after exec */
	__u64 held_hash;
	__u64 last_lock; /* asked for last, and nothing since; 0: none */
	__u64 last_sp;
	__u64 condition; /* the same, by a wait on it */
	__u64 let_go;	 /* lock and stack pointer of the last unlock */
	__u64 let_go_sp;
	__u64 stack_low; /* of the locks on its own stack; 0: there are none */
	__u64 stack_high;
	__u32 has_stack_locks; /* or had */
	__u32 slept;	       /* it sleeps, or slept, in the call for last_lock */
	__u32 count;
	struct order_try pending;
	/* Of the call's stack; not on the program's own: Linux 6.1 has 512 bytes for all calls. */
	__u64 words[CALL_WORDS];
	/* Sent as they lie here, one behind the other. */
	struct order_nested event;
	struct order_held held[ORDER_MAX_HELD];
};
_Static_assert(__builtin_offsetof(struct order_thread, held) ==
		       __builtin_offsetof(struct order_thread, event) + sizeof(struct order_nested),
	"");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct order_thread);
} order_threads SEC(".maps");

struct order_shared order_shared = {};

static __always_inline __u64 mix(__u64 a, __u64 b)
{
	__u64 hash = (a ^ b) * UNWIND_MIX;

	return hash ^ hash >> 29;
}

static __always_inline __u32 *epoch_of(__u64 address)
{
	__u32 index = (address >> ORDER_GRAIN_SHIFT) * UNWIND_MIX >> 48;

	return &order_shared.epochs[index & (ORDER_EPOCHS - 1)];
}

static __always_inline __u64 *filter_word(__u64 address, __u64 *bit)
{
	__u64 hash = (address >> ORDER_GRAIN_SHIFT) * UNWIND_MIX;

	*bit = 1ull << (hash >> 58);
	return &order_shared.filter[hash >> 40 & (ORDER_FILTER_WORDS - 1)];
}

static __noinline struct order_thread *create_thread(struct task_struct *task)
{
	struct thread_state *state = thread_state__get();
	struct order_thread *thread;

	if (!state)
		return NULL;
	thread = bpf_task_storage_get(&order_threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		count_loss(LOSS_THREAD_STATE);
		return NULL;
	}
	thread->mm = (__u64)task->mm;
	thread->held_hash = thread->last_lock = thread->condition = thread->let_go = 0;
	thread->count = thread->slept = thread->has_stack_locks = 0;
	thread->stack_low = thread->stack_high = 0;
	thread->pending.sp = 0;
	thread->event.header.kind = EVENT_ORDER_NESTED;
	thread->event.header.tid = state->tid;
	thread->event.header.process = state->process;
	thread->event.thread_start_ns = task->start_time;
	return thread;
}

/* What is known of the current thread; NULL: it is not traced, or nothing is. */
static __always_inline struct order_thread *get_thread(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct order_thread *thread;

	if (!shared.enabled)
		return NULL;
	thread = bpf_task_storage_get(&order_threads, task, NULL, 0);
	if (!thread || thread->mm != (__u64)task->mm)
		thread = create_thread(task);
	return thread;
}

/* Its number as its own pid namespace has it, which is what the C library stores. */
static __always_inline __u32 own_number(void)
{
	struct pid *pid = BPF_CORE_READ(bpf_get_current_task_btf(), thread_pid);

	return pid ? number_at(pid, BPF_CORE_READ(pid, level)) : 0;
}

/* For the verifier: the compiler would else use what it knows the index to be without the mask. */
static __always_inline struct order_held *held_at(struct order_thread *thread, __u32 index)
{
	index &= ORDER_MAX_HELD - 1;
	barrier_var(index);
	return &thread->held[index];
}

struct held_search {
	struct order_thread *thread;
	__u64 lock;
	__u32 found;
	__u32 reserved;
};

static long search_step(__u32 step, struct held_search *search)
{
	__u32 i = search->thread->count - 1 - step;

	if (step >= search->thread->count)
		return 1;
	if (held_at(search->thread, i)->lock != search->lock)
		return 0;
	search->found = i;
	return 1;
}

/* The index of @lock among those held, the latest first; ORDER_MAX_HELD: it is not. */
static __noinline __u32 search_held(struct order_thread *thread, __u64 lock)
{
	struct held_search search = {.thread = thread, .lock = lock, .found = ORDER_MAX_HELD};

	bpf_loop(ORDER_MAX_HELD, search_step, &search, 0);
	return search.found;
}

static __always_inline __u32 find_held(struct order_thread *thread, __u64 lock)
{
	__u32 last = thread->count - 1;

	if (!thread->count)
		return ORDER_MAX_HELD;
	if (held_at(thread, last)->lock == lock)
		return last;
	return last ? search_held(thread, lock) : ORDER_MAX_HELD;
}

#endif
