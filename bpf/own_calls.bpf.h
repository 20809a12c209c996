/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Calls of allocation functions that have no return probe: they end at a `ret` (PROBE_AT_RETURNS).
 * Such a call may give way to another stack in its midst, and go on later, or in another thread, or
 * never. So calls in flight are not the thread's but are found by where they are on their stack,
 * which no other call of the process is; and whether a function was called from within one is
 * asked of the stack, not of the thread: the stack is walked.
 */
#ifndef MEMTRACE_OWN_CALLS_BPF_H
#define MEMTRACE_OWN_CALLS_BPF_H

#include "stack.bpf.h"
#include "state.bpf.h"
#include "unwind.bpf.h"

/* Frames between such a call and one that it leads to: dlsym and its lock take a dozen. */
#define OWN_CALL_FRAMES 64

/* The same in bytes, where the stack cannot be walked. */
#define OWN_CALL_REACH (64 << 10)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_OWN_CALLS);
	__type(key, struct own_call_key);
	__type(value, struct own_call);
} own_calls SEC(".maps");

enum own_place {
	OWN_OUTSIDE = 0, /* in none of these calls */
	OWN_INSIDE,	 /* called from within state->own_found */
	OWN_CONTINUED,	 /* jumped to by it instead of a return, with its stack pointer */
	OWN_UNKNOWN,	 /* the stack cannot be walked */
};

/* All else is in the state: the verifier sees unknown scalars there, and one pass is enough. */
struct own_search {
	struct thread_state *state;
};

#ifdef __TARGET_ARCH_x86
#define ENTRY_SP(cfa) ((cfa)-8)
#else
#define ENTRY_SP(cfa) (cfa)
#endif

/* Whether the frame that the walk has just left is that of such a call. */
static __always_inline bool is_own_frame(struct thread_state *state)
{
	struct unwind_walk *walk = &state->walk;
	struct own_call_key key = {.sp = ENTRY_SP(walk->sp), .process = walk->process};
	struct own_call *own = bpf_map_lookup_elem(&own_calls, &key);

	/* Another one may lie where an abandoned one was. */
	if (!own || own->call.return_address != walk->pc)
		return false;
	state->own_found = key.sp;
	return true;
}

/* At a function's entry, if no table covers it: the first step by hand. */
static __always_inline bool leave_by_hand(struct unwind_walk *walk)
{
	__u32 kind = unwind_rule_kind(unwind_find_rule(walk, walk->pc - 1));

	if (kind != UNWIND_NO_RULE && kind != UNWIND_OUTSIDE)
		return false;
#ifdef __TARGET_ARCH_x86
	if (bpf_probe_read_user(&walk->pc, sizeof(walk->pc), (void *)walk->sp))
		return false;
	walk->sp += 8;
#else
	walk->pc = walk->bx;
#endif
	return true;
}

static long search_own_frame(__u32 i, struct own_search *search)
{
	struct thread_state *state = search->state;

	/* The first step here, not ahead of the loop: the verifier goes through its body once. */
	if (i || !leave_by_hand(&state->walk))
		state->own_stop = unwind_frame(&state->walk);
	/* What a signal's handler calls is not called by what was interrupted. */
	if (state->own_stop != UNWIND_CONTINUE || state->walk.signal_count)
		return 1;
	if (is_own_frame(state))
		return 1;
	state->own_frames++;
	return 0;
}

static __always_inline enum own_place place_of(const struct thread_state *state)
{
	if (state->own_found)
		return state->own_frames ? OWN_INSIDE : OWN_CONTINUED;
	if (state->walk.signal_count)
		return OWN_OUTSIDE;
	switch (state->own_stop) {
	case UNWIND_CONTINUE:
	case STACK_TRUNCATED:
	case STACK_COMPLETE:
	case STACK_END_OF_THREAD:
		return OWN_OUTSIDE;
	default:
		return OWN_UNKNOWN;
	}
}

static __always_inline enum own_place walk_to_own_call(struct thread_state *state)
{
	struct unwind_walk *walk = &state->walk;
	struct own_search search = {.state = state};
	__u32 process = state->process;

	walk->process = process;
	walk->salt = unwind_salt(process, unwind_shared.epochs[process & (UNWIND_EPOCHS - 1)]);
	unwind_begin(walk, OWN_CALL_FRAMES, UNWIND_FROM_PC);
	state->own_found = 0;
	state->own_frames = 0;
	state->own_stop = UNWIND_CONTINUE;
	bpf_loop(OWN_CALL_FRAMES, search_own_frame, &search, 0);
	return place_of(state);
}

/* By distance: the thread's last call, if its return address is still there. */
static __always_inline enum own_place guess_place(struct thread_state *state, __u64 sp)
{
	struct own_call_key key = {.sp = state->own_sp, .process = state->process};
	struct own_call *own = bpf_map_lookup_elem(&own_calls, &key);
#ifdef __TARGET_ARCH_x86
	__u64 address = 0;
#endif

	if (!own || sp > key.sp || key.sp - sp > OWN_CALL_REACH)
		return OWN_OUTSIDE;
#ifdef __TARGET_ARCH_x86
	bpf_probe_read_user(&address, sizeof(address), (void *)key.sp);
	if (address != own->call.return_address)
		return OWN_OUTSIDE;
#endif
	state->own_found = key.sp;
	return sp == key.sp ? OWN_CONTINUED : OWN_INSIDE;
}

/* Where the thread is whose registers are in state->walk: enum own_place. */
__noinline int find_own_call(struct thread_state *state)
{
	enum own_place place = OWN_UNKNOWN;
	__u64 sp;

	if (!state)
		return OWN_OUTSIDE;
	sp = state->walk.sp;
	if (stack_mode == STACKS_CFI)
		place = walk_to_own_call(state);
	return place == OWN_UNKNOWN ? guess_place(state, sp) : place;
}

static __always_inline enum own_place own_place(struct pt_regs *ctx, struct thread_state *state)
{
	unwind__begin(&state->walk, ctx, PT_REGS_IP(ctx), PT_REGS_SP(ctx));
	return find_own_call(state);
}

/* Takes the call with that entry out of the table, into state->own; false: there is none. */
static __always_inline bool take_own_call(struct thread_state *state, __u64 sp)
{
	struct own_call_key key = {.sp = sp, .process = state->process};
	struct own_call *own = bpf_map_lookup_elem(&own_calls, &key);

	if (!own)
		return false;
	state->own = *own;
	if (bpf_map_delete_elem(&own_calls, &key))
		return false; /* another thread had it first */
	__sync_fetch_and_add(&shared.own_calls, -1);
	if (state->own_sp == sp)
		state->own_sp = state->own.previous;
	return true;
}

/* Puts state->own, complete except for its sp, into the table. */
static __always_inline void put_own_call(struct thread_state *state, __u64 sp)
{
	struct own_call_key key = {.sp = sp, .process = state->process};

	state->own.call.sp = sp;
	state->own.previous = state->own_sp;
	state->own.is_left = false;
	if (bpf_map_update_elem(&own_calls, &key, &state->own, BPF_NOEXIST)) {
		count_loss(LOSS_RETURN_MISSED);
		return;
	}
	__sync_fetch_and_add(&shared.own_calls, 1);
	state->own_sp = sp;
}

/*
 * The thread is elsewhere than in its last such call, or again in one. What was left and is never
 * come back to counts as lost in the end.
 */
static __always_inline void mark_left(struct thread_state *state, __u64 sp, bool is_left)
{
	struct own_call_key key = {.sp = sp, .process = state->process};
	struct own_call *own = bpf_map_lookup_elem(&own_calls, &key);

	if (own)
		own->is_left = is_left;
}

#endif
