/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Stacks of allocations: taken at the function's return, sent once, referred to by hash.
 */
#ifndef MEMTRACE_STACK_BPF_H
#define MEMTRACE_STACK_BPF_H

#include "python.bpf.h"
#include "sent_stacks.bpf.h"
#include "state.bpf.h"
#include "unwind.bpf.h"

const volatile __u32 stack_mode = STACKS_FP;
const volatile __u32 max_frames = EVENT_MAX_FRAMES;

static __always_inline int send_stack(struct thread_state *state, __u64 hash)
{
	struct event_stack *record = &state->walk.record;
	__u32 size = sizeof(*record) + record->frame_count * sizeof(__u64);
	__u16 stop = record->header.flags;
	__u32 epoch = record->header.thread_sequence;

	fill_header(&record->header, state, EVENT_STACK, 0);
	record->header.flags = stop;
	record->header.thread_sequence = epoch;
	record->stack = hash;
	/* For the verifier: the size is at most that of the buffer. */
	if (size > sizeof(*record) + sizeof(state->walk.frames))
		size = sizeof(*record) + sizeof(state->walk.frames);
	return bpf_ringbuf_output(&ring, record, size, BPF_RB_NO_WAKEUP);
}

static long note_led_to(__u32 i, struct thread_state **state)
{
	struct unwind_walk *walk = &(*state)->walk;
	__u64 bit, *word;

	if (i >= walk->record.frame_count || i >= EVENT_MAX_FRAMES)
		return 1;
	word = led_to_word((*state)->process, (walk->frames[i] - 1) >> NAMED_BLOCK_SHIFT, &bit);
	if (word && !(*word & bit))
		__sync_fetch_and_or(word, bit);
	return 0;
}

/* Code that is in no file may become other code without anybody's telling but by its name. */
static __always_inline void note_where_it_leads(struct thread_state *state)
{
	if (shared.makes_code && (state->walk.met_unknown || stack_mode == STACKS_FP))
		bpf_loop(EVENT_MAX_FRAMES, note_led_to, &state, 0);
}

/* Sends the stack in state->walk unless that was done; returns its hash, never 0. */
static __noinline __u64 publish_stack(struct thread_state *state)
{
	__u64 hash, *bucket;

	if (!state)
		return 0;
	hash = state->walk.hash ? state->walk.hash : 1;
	bucket = sent_stack_bucket(hash);
	if (!bucket || stack_was_sent(bucket, hash))
		return hash;
	note_where_it_leads(state);
	if (send_stack(state, hash))
		count_loss(LOSS_STACK_RING_FULL);
	else
		note_sent_stack(bucket, hash);
	return hash;
}

/*
 * Differs by process image, and again when its code has changed: addresses then mean other code.
 * The epoch is kept for send_stack.
 */
static __always_inline __u64 stack_seed(struct thread_state *state)
{
	__u32 epoch = code_epoch(state->process);

	state->walk.record.header.thread_sequence = epoch;
	return (((__u64)epoch << 32) + state->process) * UNWIND_MIX;
}

/* The kernel's frame-pointer walk. After a function's return its first frame is the caller. */
static __always_inline void walk_frame_pointers(
	struct pt_regs *ctx, struct thread_state *state, __u64 pc)
{
	struct unwind_walk *walk = &state->walk;
	long bytes;

	bytes = bpf_get_stack(ctx, walk->frames, sizeof(walk->frames), BPF_F_USER_STACK);
	if (bytes < (long)sizeof(__u64))
		bytes = sizeof(__u64);
	walk->frames[0] = pc; /* which at a `ret` the kernel does not know */
	walk->hash = stack_seed(state);
	unwind_take_guesses(walk, bytes);
	walk->record.header.flags = STACK_NOT_WALKED;
}

/*
 * A stack that leads to code that is not known: a run-time compiler may have made some, which no
 * loader reports, and often no mmap either (the room is reserved, and made executable by mprotect).
 */
static __noinline int report_unknown_code(struct thread_state *state)
{
	struct event_process event = {};
	struct target *target;
	__u64 now;
	__u32 tgid;

	if (!state)
		return 0;
	tgid = state->tgid;
	target = bpf_map_lookup_elem(&targets, &tgid);
	now = bpf_ktime_get_ns();
	if (!target || now - target->unknown_code_ns < UNKNOWN_CODE_INTERVAL_NS)
		return 0;
	target->unknown_code_ns = now;
	fill_header(&event.header, state, EVENT_UNKNOWN_CODE, 0);
	event.pid = tgid;
	bpf_ringbuf_output(&control_ring, &event, sizeof(event), BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* The walk starts at @pc, behind a call, with @sp; the other registers are those in @ctx. */
static __always_inline void walk_tables(
	struct pt_regs *ctx, struct thread_state *state, __u64 pc, __u64 sp)
{
	struct unwind_walk *walk = &state->walk;

	unwind__begin(walk, ctx, pc, sp);
	walk->hash = stack_seed(state);
	unwind__walk(walk, state->process, max_frames, UNWIND_FROM_RETURN);
	if (walk->met_unknown)
		report_unknown_code(state);
}

/* Whether the thread is in the kernel because of an exception, and not of a system call. */
static __always_inline bool is_in_exception(const struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_x86
	return (long)regs->orig_ax == -1;
#else
	return regs->syscallno == -1; /* NO_SYSCALL, asm/ptrace.h */
#endif
}

/* The kernel's frame-pointer walk of the current thread, from where it entered the kernel. */
static __always_inline void walk_frame_pointers_from_entry(struct thread_state *state)
{
	state->walk.hash = stack_seed(state);
	unwind_frame_pointers(&state->walk);
	state->walk.record.header.flags = STACK_NOT_WALKED;
}

/*
 * The kernel saved all registers when the thread entered it. The pc is behind a system call, but at
 * an instruction that faulted: then it is taken to be one byte further, as all pcs are looked up
 * one byte before.
 */
static __always_inline void walk_tables_from_entry(struct thread_state *state)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	walk_tables(regs, state, PT_REGS_IP(regs) + is_in_exception(regs), PT_REGS_SP(regs));
}

/* One load and a branch where no Python is. */
static __always_inline bool walks_python(void)
{
	return *(volatile __u32 *)&shared.walks_python;
}

/* The hash of the stack from which the current thread entered the kernel; 0: none is wanted. */
static __always_inline __u64 capture_entry_stack(struct thread_state *state)
{
	if (stack_mode == STACKS_NONE)
		return 0;
	if (stack_mode == STACKS_FP)
		walk_frame_pointers_from_entry(state);
	else
		walk_tables_from_entry(state);
	if (walks_python())
		python_walk_frames(state);
	return publish_stack(state);
}

/* The hash of the stack of the call that returns now, to @pc with @sp; 0: none is wanted. */
static __always_inline __u64 capture_stack(
	struct pt_regs *ctx, struct thread_state *state, __u64 pc, __u64 sp)
{
	if (stack_mode == STACKS_NONE)
		return 0;
	if (stack_mode == STACKS_FP)
		walk_frame_pointers(ctx, state, pc);
	else
		walk_tables(ctx, state, pc, sp);
	if (walks_python())
		python_walk_frames(state);
	return publish_stack(state);
}

#endif
