/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The order of locks (order.bpf.c): the stack of a call, walked once for each place. */
#ifndef MEMTRACE_ORDER_PLACE_BPF_H
#define MEMTRACE_ORDER_PLACE_BPF_H

#include "order_gone.bpf.h"
#include "order_lock.bpf.h"
#include "unwind_begin.bpf.h"

/* In heap.bpf.c, which has the walker. */
extern __u64 capture_stack_from(struct thread_state *state, __u32 limit);
extern int walk_stack_from(struct thread_state *state, __u32 limit);
const volatile __u32 order_max_frames = EVENT_DEFAULT_FRAMES;

/*
 * Stacks by where they were taken: the caller, its stack pointer, the lock, and the return
 * addresses of the next two frames, which are compared as they lie on the stack. So a stack is
 * walked once, not at each call. The check holds all else: half of a torn entry is not taken.
 */
#define PLACE_WAYS 4
#define PLACE_BUCKETS 16384

struct order_place {
	__u64 check;
	__u64 stack;
	__u64 outer; /* of the two return addresses */
	__u32 facts;
	__u16 slots[2]; /* where they are, in words above the stack pointer; 0: not known */
};

struct order_places {
	struct order_place ways[PLACE_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACE_BUCKETS);
	__type(key, __u32);
	__type(value, struct order_places);
} order_place_map SEC(".maps");

struct order_call {
	struct pt_regs *regs;
	struct order_thread *thread;
	__u64 lock;
	__u64 sp; /* at the function's entry */
	__u64 caller;
	__u64 signature;
	__u32 facts; /* in: of the function; out: with those of the lock */
	__u32 read;  /* whether the thread's `words` are what lies on the stack */
};

static __always_inline void read_words(struct order_call *call)
{
	struct order_thread *thread = call->thread;

	call->read = !bpf_probe_read_user(thread->words, sizeof(thread->words), (void *)call->sp);
}

static __always_inline __u64 read_slot(const struct order_call *call, __u32 slot)
{
	__u64 value = 0;

	if (!slot)
		return 0;
	if (call->read && slot < CALL_WORDS) {
		/* For the verifier, as in held_at. */
		slot &= CALL_WORDS - 1;
		barrier_var(slot);
		return call->thread->words[slot & (CALL_WORDS - 1)];
	}
	bpf_probe_read_user(&value, sizeof(value), (void *)(call->sp + 8ull * slot));
	return value;
}

static __always_inline __u64 outer_frames(
	const struct order_place *place, const struct order_call *call)
{
	return mix(read_slot(call, place->slots[0]), read_slot(call, place->slots[1]));
}

static __always_inline __u64 check_of(const struct order_place *place, __u64 signature)
{
	return signature ^ place->stack ^ place->outer ^ (__u64)place->facts << 32 ^
	       ((__u32)place->slots[0] << 16 | place->slots[1]);
}

static __always_inline void begin_walk(struct thread_state *state, const struct order_call *call)
{
	unwind__begin(&state->walk, call->regs, call->caller, RETURN_SP(call->sp));
}

/* Where the return address of the frame @depth above the caller is; 0: it cannot be said. */
static __always_inline __u16 find_slot(
	struct thread_state *state, const struct order_call *call, __u32 depth)
{
#ifdef __TARGET_ARCH_x86
	__u64 distance;

	begin_walk(state, call);
	walk_stack_from(state, depth);
	distance = state->walk.sp - 8 - call->sp;
	return state->walk.record.frame_count == depth && state->walk.pc && !(distance & 7) &&
			       distance < 0xffff * 8
		       ? distance >> 3
		       : 0;
#else
	return 0;
#endif
}

/* A place that was not met before, or was forgotten: takes its stack. Returns the stack's hash. */
static __noinline __u64 take_place(struct order_call *call, struct order_places *places)
{
	struct thread_state *state = thread_state__get();
	struct order_place place = {};
	__u32 way = call->signature >> 8 & (PLACE_WAYS - 1);
	__u64 bit, *word;

	if (!state)
		return 0;
	place.slots[0] = find_slot(state, call, 1);
	place.slots[1] = find_slot(state, call, 2);
	place.outer = outer_frames(&place, call);
	begin_walk(state, call);
	place.stack = capture_stack_from(state, order_max_frames);
	call->facts = place.facts = read_facts(call->lock, call->facts);
	place.check = check_of(&place, call->signature);
	for (int i = 0; i < PLACE_WAYS; i++) {
		if (!places->ways[i].check) {
			way = i;
			break;
		}
	}
	places->ways[way & (PLACE_WAYS - 1)] = place;
	note_stack_lock(call->thread, call->lock, call->sp);
	word = filter_word(call->lock, &bit);
	if (!(*word & bit))
		__sync_fetch_and_or(word, bit);
	__sync_fetch_and_add(&order_shared.new_places, 1);
	return place.stack;
}

/* The hash of the call's stack; sets the lock's facts. */
static __always_inline __u64 find_place(struct order_call *call)
{
	struct order_thread *thread = call->thread;
	struct order_places *places;
	__u32 index;

#ifdef __TARGET_ARCH_x86
	read_words(call);
	call->caller = thread->words[0];
	if (!call->read)
		bpf_probe_read_user(&call->caller, sizeof(call->caller), (void *)call->sp);
#else
	call->caller = call->regs->regs[30];
	call->read = 0;
#endif
	call->signature = mix(mix(mix(call->lock, *epoch_of(call->lock)), call->sp),
		call->caller + ((__u64)thread->event.header.process << 48) + call->facts);
	index = call->signature >> 40 & (PLACE_BUCKETS - 1);
	places = bpf_map_lookup_elem(&order_place_map, &index);
	if (!places)
		return 0;
	for (int way = 0; way < PLACE_WAYS; way++) {
		struct order_place *place = &places->ways[way];

		if (place->check != check_of(place, call->signature) ||
			place->outer != outer_frames(place, call))
			continue;
		/* It may be known from a thread that had the same stack before. */
		if (may_be_new_on_stack(thread, call->lock, call->sp))
			note_stack_lock(thread, call->lock, call->sp);
		call->facts = place->facts;
		return place->stack;
	}
	return take_place(call, places);
}

#endif
