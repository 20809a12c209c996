/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * State that the tracer's programs share: the rings, the traced processes, and what is known of
 * each thread. Every program starts with thread_state__get().
 */
#ifndef MEMTRACE_STATE_BPF_H
#define MEMTRACE_STATE_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "own_calls.h"
#include "python_state.h"
#include "task_number.bpf.h"
#include "tracer_shared.h"
#include "unwind.h"

/* What operator new was asked for, until the malloc inside it takes it over. */
struct new_hint {
	__u64 sp; /* 0: none */
	__u64 size;
	__u8 function;
};

struct thread_state {
	__u32 tid;
	__u32 process; /* 0: this thread is not traced */
	__u32 sequence;
	__u32 tgid;
	__u32 window;		    /* in which its calls in flight began */
	__u64 faults_counted;	    /* its page faults that samples stand for already */
	__u64 free_top;		    /* highest stack pointer that free was called with */
	struct call_in_flight call; /* the outermost; nested ones do not count */
	struct new_hint hint;
	__u64 own_sp;	     /* the entry of the last own call that was begun here; 0: none */
	__u64 own_found;     /* the entry of the one that was found last */
	int own_stop;	     /* how the search for it goes on, or ended */
	__u32 own_frames;    /* left behind by that search */
	struct own_call own; /* one that begins or ends */
	struct python_walk python;
	/*
	 * Where stacks are walked and their records built. It is the thread's own and not the
	 * CPU's: a program can be preempted by another thread's on the same CPU.
	 */
	struct unwind_walk walk;
};

/* The maps; heap.bpf.c defines them. */
struct threads_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
};
extern struct threads_map threads SEC(".maps");

struct targets_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct target);
};
extern struct targets_map targets SEC(".maps");

/* Heap, mapping, stack and process records, in order. Its size is set before loading. */
struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 26);
};
extern struct ring_map ring SEC(".maps");

/*
 * Copies of the few records that user space must act on at once. A process that starts and ends
 * leaves five, 320 bytes: room for 13,000 of them while user space gets no processor.
 */
struct control_ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
};
extern struct control_ring_map control_ring SEC(".maps");

/* Changes of code by number; see code_log.h. */
struct code_log_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CODE_LOG_SIZE);
	__type(key, __u32);
	__type(value, struct code_change);
};
extern struct code_log_map code_log SEC(".maps");

/* Where stacks have led to: a set of bits, of which one may stand for several addresses. */
struct led_to_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LED_TO_WORDS);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct led_to_map led_to SEC(".maps");

extern struct tracer_shared shared;

static __always_inline __u32 code_epoch(__u32 process)
{
	return *(volatile __u32 *)&shared.code_epochs[process & (CODE_EPOCHS - 1)];
}

/* Two threads may do so at once: the later number stays. */
static __always_inline void raise_code_epoch(__u32 process, __u32 number)
{
	__u32 *epoch = &shared.code_epochs[process & (CODE_EPOCHS - 1)];

	for (int i = 0; i < 8; i++) {
		__u32 current = *(volatile __u32 *)epoch;

		if ((__s32)(number - current) <= 0 ||
			__sync_val_compare_and_swap(epoch, current, number) == current)
			return;
	}
}

/* The word and the bit of a block of addresses. */
static __always_inline __u64 *led_to_word(__u32 process, __u64 block, __u64 *bit)
{
	__u64 hash = (block + ((__u64)process << 40)) * UNWIND_MIX;
	__u32 index = hash >> 48 & (LED_TO_WORDS - 1);

	*bit = 1ull << (hash >> 42 & 63);
	return bpf_map_lookup_elem(&led_to, &index);
}

static __always_inline void count_loss(enum loss_cause cause)
{
	__sync_fetch_and_add(&shared.losses[cause], 1);
}

static __noinline struct thread_state *create_thread_state(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *state;
	struct target *target;
	__u32 tgid;

	tgid = task_number(BPF_CORE_READ(task, group_leader), shared.pid_namespace_level);
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target)
		return NULL;
	state = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) {
		count_loss(LOSS_THREAD_STATE);
		return NULL;
	}
	state->tid = task_number(task, shared.pid_namespace_level);
	state->tgid = tgid;
	state->process = target->flags & TARGET_AWAITS_EXEC ? 0 : target->process;
	return state;
}

/* The state of the current thread, or NULL if it is not traced (or has no room: counted). */
static __always_inline struct thread_state *thread_state__get(void)
{
	struct thread_state *state;

	state = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
	if (!state)
		state = create_thread_state();
	if (!state || !state->process)
		return NULL;
	return state;
}

/* The same for what allocates: calls that began in an earlier window ended unseen. */
static __always_inline struct thread_state *thread_state__get_allocating(void)
{
	struct thread_state *state = thread_state__get();

	if (state && state->window != *(volatile __u32 *)&shared.window) {
		state->window = shared.window;
		state->call.sp = 0;
		state->hint.sp = 0;
		state->own_sp = 0;
	}
	return state;
}

static __always_inline void fill_header(
	struct event_header *header, struct thread_state *state, __u8 kind, __u8 function)
{
	header->kind = kind;
	header->function = function;
	header->flags = 0;
	header->tid = state->tid;
	header->process = state->process;
	header->thread_sequence = state->sequence;
	header->time_ns = bpf_ktime_get_ns();
}

/*
 * User space polls every few ms, so records do not wake it, which would cost more than all the
 * rest; only a ring that is a quarter full does. One record in 64 asks, by its time's low bits.
 */
extern const volatile __u64 wakeup_bytes;

static __always_inline __u64 wakeup_flags(const struct event_header *header)
{
	if (header->time_ns & 63)
		return BPF_RB_NO_WAKEUP;
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > wakeup_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

#endif
