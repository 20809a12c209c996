/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The walker: written once, compiled as BPF (unwind.bpf.h) and natively (user/unwind/walk.c).
 * Whoever includes this defines before
 *	int unwind_read(struct unwind_walk *w, void *to, __u32 size, __u64 address)
 *		reads the target's memory; 0 or a negative errno
 *	__u32 unwind_find_rule(struct unwind_walk *w, __u64 pc)
 *		the rule for exactly this pc; never UNWIND_UNKNOWN
 *	int unwind_find_rare(struct unwind_walk *w, __u32 index, struct unwind_rare *rare)
 *		0 or a negative errno
 *
 * One frame is one unwind_frame(). All state is in struct unwind_walk, so that the BPF verifier
 * sees unknown scalars only and one pass over the loop's body is enough for it.
 */
#ifndef MEMTRACE_UNWIND_STEP_H
#define MEMTRACE_UNWIND_STEP_H

#include "unwind.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define UNWIND_CONTINUE (-1)
#define UNWIND_PAGE 4096ull
/* Below the CFA, callee-saved registers: a window begins there so that it holds them. */
#define UNWIND_SAVED_AREA 64
/* A guessed frame (frame pointer, no rule) may not be larger than this. */
#define UNWIND_GUESS_MAX (1ull << 20)

/*
 * Fills the window from @start, which is aligned. A window that reaches beyond a stack's last page
 * cannot be read, and finding that out costs a page fault of a microsecond: so the page is
 * remembered, for this walk and the thread's next ones.
 */
static __always_inline void unwind_fill_window(struct unwind_walk *w, __u64 start)
{
	__u64 size = sizeof(w->window), page_end = (start | (UNWIND_PAGE - 1)) + 1;

	if (w->unreadable > start && w->unreadable - start < size)
		size = w->unreadable - start;
	w->window_start = start;
	w->window_words = size / 8;
	if (!unwind_read(w, w->window, size & (2 * sizeof(w->window) - 1), start))
		return;
	w->window_words = 0;
	if (page_end - start >= size)
		return;
	size = page_end - start;
	w->unreadable = page_end;
	if (!unwind_read(w, w->window, size & (sizeof(w->window) - 1), start))
		w->window_words = size / 8;
}

/* *@value = the word at @address, which is aligned; from the window if it is there. */
static __always_inline int unwind_load(struct unwind_walk *w, __u64 address, __u64 *value)
{
	__u64 word = (address - w->window_start) >> 3;

	if (word < w->window_words) {
		*value = w->window[word & (UNWIND_WINDOW_WORDS - 1)];
		return 0;
	}
	return unwind_read(w, value, sizeof(*value), address);
}

/* Makes the window hold the word below @cfa, if that can be. */
static __always_inline void unwind_cover(struct unwind_walk *w, __u64 cfa)
{
	__u64 start = cfa - UNWIND_SAVED_AREA;

	if (((cfa - 8 - w->window_start) >> 3) < w->window_words)
		return;
	/* Below the stack pointer there may be no page yet. */
	if (start < w->sp && w->sp < cfa)
		start = w->sp;
	unwind_fill_window(w, start & ~7ull);
}

/*
 * If the return address that led to w->pc was replaced by a return probe of ours, puts the true one
 * into w->pc. 0, or -1 if none is known for this frame.
 */
static __always_inline int unwind_restore_return(struct unwind_walk *w)
{
	for (int i = 0; i < UNWIND_SAVED_RETURNS; i++) {
		if (w->saved[i].cfa == w->sp) {
			w->pc = w->saved[i].address;
			return 0;
		}
	}
	return -1;
}

#if defined(__TARGET_ARCH_arm64) || defined(MEMTRACE_ARCH_arm64)

/* struct rt_sigframe of arch/arm64: siginfo (128), ucontext up to mcontext (176 more), then
 * fault_address, regs[31], sp, pc. */
#define UNWIND_SIGNAL_REGS (128 + 176 + 8)
#define unwind_signal_slot(w, reg) ((w)->sp + UNWIND_SIGNAL_REGS + 8 * (reg))

static __always_inline int unwind_signal_frame(struct unwind_walk *w)
{
	__u64 pc, sp;

	if (unwind_load(w, unwind_signal_slot(w, 32), &pc) ||
		unwind_load(w, unwind_signal_slot(w, 31), &sp) ||
		unwind_load(w, unwind_signal_slot(w, 29), &w->bp) ||
		unwind_load(w, unwind_signal_slot(w, 30), &w->bx))
		return STACK_BAD_MEMORY;
	w->pc = pc + 1; /* where the signal came, as if it were a return address */
	w->sp = sp;
	w->signal_count = w->record.frame_count;
	return UNWIND_CONTINUE;
}

/* Pointer authentication puts a signature above the address bits of a saved lr. */
#define UNWIND_ADDRESS_MASK ((1ull << 48) - 1)

static __always_inline int unwind_enter_caller(struct unwind_walk *w, __u64 cfa, __u64 pc, __u64 bp)
{
	w->sp = cfa;
	w->pc = pc & UNWIND_ADDRESS_MASK;
	w->bp = bp;
	w->bx = 0; /* lr is the callee's: the caller's own return address is in its record */
	return UNWIND_CONTINUE;
}

/* With the CFA known and the frame record at @record; 0: not saved, as in a leaf function. */
static __always_inline int unwind_leave(struct unwind_walk *w, __u64 cfa, __u64 record)
{
	__u64 pc = w->bx, bp = w->bp;

	if (cfa & 7 || cfa < w->sp || (record ? cfa == w->sp : !pc))
		return STACK_NO_PROGRESS;
	if (record) {
		unwind_cover(w, record + 16);
		if (unwind_load(w, record, &bp) || unwind_load(w, record + 8, &pc))
			return STACK_BAD_MEMORY;
	}
	return unwind_enter_caller(w, cfa, pc, bp);
}

static __always_inline int unwind_rare_frame(struct unwind_walk *w, __u32 rule)
{
	struct unwind_rare rare;
	__u64 cfa, pc = w->bx, bp = w->bp;

	if (unwind_find_rare(w, unwind_rule_offset(rule), &rare))
		return STACK_BAD_RULE;
	cfa = (rare.base == UNWIND_BP ? w->bp : w->sp) + rare.cfa_offset;
	if (cfa & 7 || cfa <= w->sp)
		return STACK_NO_PROGRESS;
	if (rare.bx_offset != UNWIND_NOT_SAVED && unwind_load(w, cfa + rare.bx_offset, &pc))
		return STACK_BAD_MEMORY;
	if (rare.bp_offset != UNWIND_NOT_SAVED && unwind_load(w, cfa + rare.bp_offset, &bp))
		return STACK_BAD_MEMORY;
	return pc ? unwind_enter_caller(w, cfa, pc, bp) : STACK_NO_PROGRESS;
}

/* AAPCS64, 6.4.6: x29 points at the frame record {caller's x29, lr}. */
static __always_inline int unwind_guess_frame(struct unwind_walk *w)
{
	if (w->bp & 7 || w->bp < w->sp || w->bp - w->sp > UNWIND_GUESS_MAX)
		return STACK_NO_RULE;
	if (unwind_leave(w, w->bp + 16, w->bp) != UNWIND_CONTINUE)
		return STACK_NO_RULE;
	w->record.guessed_frames++;
	w->guess_count = w->record.frame_count;
	return UNWIND_CONTINUE;
}

/* As on x86-64, below; the return address of a call through a bad pointer is in lr. */
static __always_inline int unwind_leave_nowhere(struct unwind_walk *w)
{
	if (!w->signal_count || w->signal_count + 1 != w->record.frame_count)
		return unwind_guess_frame(w);
	if (unwind_leave(w, w->sp, 0) != UNWIND_CONTINUE)
		return STACK_NO_RULE;
	w->record.guessed_frames++;
	w->guess_count = w->record.frame_count;
	return UNWIND_CONTINUE;
}

static __always_inline int unwind_step(struct unwind_walk *w, __u32 rule)
{
	__u64 slot = unwind_rule_record_slot(rule), cfa;

	switch (unwind_rule_kind(rule)) {
	case UNWIND_SP:
		cfa = w->sp + 8ull * unwind_rule_offset(rule);
		break;
	case UNWIND_BP:
		cfa = w->bp + 8ull * unwind_rule_offset(rule);
		break;
	case UNWIND_SIGNAL:
		return unwind_signal_frame(w);
	case UNWIND_RARE:
		return unwind_rare_frame(w, rule);
	case UNWIND_END:
		return STACK_COMPLETE;
	case UNWIND_NO_RULE:
		return unwind_guess_frame(w);
	case UNWIND_OUTSIDE:
		return unwind_leave_nowhere(w);
	default:
		return STACK_BAD_RULE;
	}
	return unwind_leave(w, cfa, slot ? cfa - 8 * slot : 0);
}

#else /* x86-64 */

/*
 * struct rt_sigframe of arch/x86 when the handler has returned: ucontext at sp, in it mcontext at
 * 40: r8-r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
 */
#define UNWIND_SIGNAL_BP 120
#define UNWIND_SIGNAL_BX 128
#define UNWIND_SIGNAL_SP 160
#define UNWIND_SIGNAL_PC 168

static __always_inline int unwind_signal_frame(struct unwind_walk *w)
{
	__u64 frame = w->sp, sp;

	unwind_cover(w, frame + UNWIND_SIGNAL_PC + 8);
	if (unwind_load(w, frame + UNWIND_SIGNAL_PC, &w->pc) ||
		unwind_load(w, frame + UNWIND_SIGNAL_BP, &w->bp) ||
		unwind_load(w, frame + UNWIND_SIGNAL_BX, &w->bx) ||
		unwind_load(w, frame + UNWIND_SIGNAL_SP, &sp))
		return STACK_BAD_MEMORY;
	w->pc++;    /* where the signal came, as if it were a return address */
	w->sp = sp; /* anywhere: the handler may have run on a stack of its own */
	w->signal_count = w->record.frame_count;
	return UNWIND_CONTINUE;
}

/*
 * A saved register. If its slot cannot be read it lies below the stack pointer: in an epilogue that
 * has popped it already, so that the register has the caller's value.
 */
static __always_inline void unwind_restore(struct unwind_walk *w, __u64 slot, __u64 *reg)
{
	__u64 value;

	if (slot && !unwind_load(w, slot, &value))
		*reg = value;
}

/* The caller's registers, with the CFA known and pc, rbp, rbx saved at the given addresses (0:
 * not). */
static __always_inline int unwind_leave_from(
	struct unwind_walk *w, __u64 cfa, __u64 pc_at, __u64 bp_at, __u64 bx_at)
{
	__u64 pc;

	if (cfa & 7 || cfa <= w->sp)
		return STACK_NO_PROGRESS;
	unwind_cover(w, cfa);
	if (unwind_load(w, pc_at, &pc))
		return STACK_BAD_MEMORY;
	unwind_restore(w, bp_at, &w->bp);
	unwind_restore(w, bx_at, &w->bx);
	w->sp = cfa;
	w->pc = pc;
	return UNWIND_CONTINUE;
}

static __always_inline int unwind_leave(struct unwind_walk *w, __u64 cfa, __u64 bp_at, __u64 bx_at)
{
	return unwind_leave_from(w, cfa, cfa - 8, bp_at, bx_at);
}

static __always_inline __u64 unwind_rare_base(struct unwind_walk *w, __s32 base, __u64 cfa)
{
	return base == UNWIND_SP   ? w->sp
	       : base == UNWIND_BP ? w->bp
	       : base == UNWIND_BX ? w->bx
				   : cfa;
}

/* From the thread's stack back to the goroutine's, which lies anywhere. */
static __always_inline int unwind_leave_go_call(struct unwind_walk *w)
{
	__u64 g, high, depth, pc;

	if (unwind_load(w, w->sp + UNWIND_GO_G, &g) ||
		unwind_load(w, w->sp + UNWIND_GO_DEPTH, &depth) ||
		unwind_load(w, g + UNWIND_GO_STACK_HI, &high))
		return STACK_BAD_MEMORY;
	if ((high - depth) & 7 || unwind_load(w, high - depth, &pc))
		return STACK_BAD_MEMORY;
	w->sp = high - depth + 8;
	w->pc = pc;
	return UNWIND_CONTINUE;
}

static __always_inline int unwind_rare_frame(struct unwind_walk *w, __u32 rule)
{
	struct unwind_rare rare;
	__u64 cfa, bp_at = 0, bx_at = 0;

	if (unwind_find_rare(w, unwind_rule_offset(rule), &rare))
		return STACK_BAD_RULE;
	if (rare.go_switch)
		return unwind_leave_go_call(w);
	cfa = unwind_rare_base(w, rare.base, 0) + rare.cfa_offset;
	for (int i = 0; i < UNWIND_MAX_DEREFS; i++) {
		if (i < rare.derefs && (cfa & 7 || unwind_load(w, cfa, &cfa)))
			return STACK_BAD_MEMORY;
	}
	cfa += rare.cfa_after;
	if (rare.bp_offset != UNWIND_NOT_SAVED)
		bp_at = unwind_rare_base(w, rare.bp_base, cfa) + rare.bp_offset;
	if (rare.bx_offset != UNWIND_NOT_SAVED)
		bx_at = unwind_rare_base(w, rare.bx_base, cfa) + rare.bx_offset;
	return unwind_leave_from(w, cfa, cfa + rare.return_offset, bp_at, bx_at);
}

/* CFA = *(base + a) + b: hand-written functions and those that realign their stack. */
static __always_inline int unwind_deref_frame(struct unwind_walk *w, __u32 rule)
{
	__u32 kind = unwind_rule_kind(rule), packed = unwind_rule_offset(rule);
	__u64 a = 8ull * (packed >> 8) - 8ull * UNWIND_DEREF_BIAS, b = 8ull * (packed & 255);
	__u64 bp_slot = unwind_rule_bp_slot(rule), bx_slot = unwind_rule_bx_slot(rule);
	__u64 cfa, saved_from;

	if (unwind_load(w, (kind == UNWIND_DEREF_SP ? w->sp : w->bp) + a, &cfa))
		return STACK_BAD_MEMORY;
	cfa += b;
	saved_from = cfa;
	if (kind == UNWIND_DRAP)
		return unwind_leave(w, cfa, w->bp, bx_slot ? w->bp - 8 * bx_slot : 0);
	return unwind_leave(w, cfa, bp_slot ? saved_from - 8 * bp_slot : 0,
		bx_slot ? saved_from - 8 * bx_slot : 0);
}

/*
 * psABI, 3.4.1: with frame pointers, rbp points at {caller's rbp, return address}. A 0 in rbp does
 * not count as the outermost frame's: code without frame pointers may have it there by chance.
 */
static __always_inline int unwind_guess_frame(struct unwind_walk *w)
{
	__u64 bp = w->bp;

	if (bp & 7 || bp < w->sp || bp - w->sp > UNWIND_GUESS_MAX)
		return STACK_NO_RULE;
	if (unwind_leave(w, bp + 16, bp, 0) != UNWIND_CONTINUE)
		return STACK_NO_RULE;
	w->record.guessed_frames++;
	w->guess_count = w->record.frame_count;
	return UNWIND_CONTINUE;
}

/*
 * Where there is no code at all. If a signal came just there, a call through a bad pointer is what
 * has most likely led to it: nothing has run since, and the return address is at sp.
 */
static __always_inline int unwind_leave_nowhere(struct unwind_walk *w)
{
	if (!w->signal_count || w->signal_count + 1 != w->record.frame_count)
		return unwind_guess_frame(w);
	if (unwind_leave(w, w->sp + 8, 0, 0) != UNWIND_CONTINUE)
		return STACK_NO_RULE;
	w->record.guessed_frames++;
	w->guess_count = w->record.frame_count;
	return UNWIND_CONTINUE;
}

/* The rare kinds, apart so that the common ones stay a short path. */
static __always_inline int unwind_uncommon_frame(struct unwind_walk *w, __u32 rule)
{
	__u32 packed = unwind_rule_offset(rule);
	__u64 cfa;

	switch (unwind_rule_kind(rule)) {
	case UNWIND_DEREF_SP:
	case UNWIND_DEREF_BP:
	case UNWIND_DRAP:
		return unwind_deref_frame(w, rule);
	case UNWIND_PLT:
		cfa = w->sp + 8 * (packed & 255) + (((w->pc - 1) & 15) >= (packed >> 8) ? 8 : 0);
		return unwind_leave(w, cfa, 0, 0);
	case UNWIND_SIGNAL:
		return unwind_signal_frame(w);
	case UNWIND_RARE:
		return unwind_rare_frame(w, rule);
	case UNWIND_END:
		return STACK_COMPLETE;
	case UNWIND_NO_RULE:
		return unwind_guess_frame(w);
	case UNWIND_OUTSIDE:
		return unwind_leave_nowhere(w);
	default:
		return STACK_BAD_RULE;
	}
}

static __always_inline int unwind_step(struct unwind_walk *w, __u32 rule)
{
	__u32 kind = unwind_rule_kind(rule);
	__u64 cfa, bp_slot, bx_slot;

	if (kind == UNWIND_SP)
		cfa = w->sp;
	else if (kind == UNWIND_BP)
		cfa = w->bp;
	else if (kind == UNWIND_BX)
		cfa = w->bx;
	else
		return unwind_uncommon_frame(w, rule);
	cfa += 8ull * unwind_rule_offset(rule);
	bp_slot = unwind_rule_bp_slot(rule);
	bx_slot = unwind_rule_bx_slot(rule);
	return unwind_leave(
		w, cfa, bp_slot ? cfa - 8 * bp_slot : 0, bx_slot ? cfa - 8 * bx_slot : 0);
}

#endif

/* The hash of a stack with one frame more. */
static __always_inline __u64 unwind_mix(__u64 hash, __u64 frame)
{
	hash = (hash ^ frame) * UNWIND_MIX;
	return hash ^ hash >> 29;
}

/* Appends a frame; EVENT_MAX_FRAMES is a power of two: the mask is for the verifier. */
static __always_inline void unwind_append(struct unwind_walk *w, __u64 frame)
{
	__u32 i = w->record.frame_count;

	w->frames[i & (EVENT_MAX_FRAMES - 1)] = frame;
	w->record.frame_count = i + 1;
	w->hash = unwind_mix(w->hash, frame);
}

/* Whether w->pc was found by frame pointer. */
static __always_inline int unwind_is_guess(const struct unwind_walk *w)
{
	return w->guess_count && w->guess_count == w->record.frame_count;
}

/* A pc that no table covers: a replaced return address, JIT code, a wrong guess. */
static __always_inline int unwind_resolve_stray(struct unwind_walk *w, __u32 *rule)
{
	if (!unwind_restore_return(w)) {
		*rule = unwind_find_rule(w, w->pc - 1);
		return UNWIND_CONTINUE;
	}
	if (unwind_rule_kind(*rule) == UNWIND_UPROBES)
		return STACK_BAD_RULE;
	if (unwind_rule_kind(*rule) == UNWIND_OUTSIDE)
		w->met_unknown = 1;
	if (unwind_rule_kind(*rule) == UNWIND_NO_TABLES) {
		unwind_append(w, w->pc);
		return STACK_NO_TABLES;
	}
	if (unwind_rule_kind(*rule) == UNWIND_OUTSIDE && unwind_is_guess(w)) {
		w->record.guessed_frames--; /* not an address of code: the guess was wrong */
		return STACK_NO_RULE;
	}
	return UNWIND_CONTINUE;
}

/*
 * Appends the frame at w->pc and goes to its caller. UNWIND_CONTINUE, or the enum stack_stop that
 * ends the walk.
 */
static __always_inline int unwind_frame(struct unwind_walk *w)
{
	__u32 rule;
	int stop;

	if (w->record.frame_count >= w->limit)
		return STACK_TRUNCATED;
	rule = unwind_find_rule(w, w->pc - 1);
	if (unwind_rule_kind(rule) >= UNWIND_NO_RULE) {
		stop = unwind_resolve_stray(w, &rule);
		if (stop != UNWIND_CONTINUE)
			return stop;
	}
	unwind_append(w, w->pc);
	stop = unwind_step(w, rule);
	if (stop != UNWIND_CONTINUE || w->pc)
		return stop;
	if (!unwind_is_guess(w))
		return STACK_END_OF_THREAD;
	w->record.guessed_frames--; /* zeroed memory that a stray frame pointer led to */
	return STACK_NO_RULE;
}

/*
 * Before the first unwind_frame. @limit: frames at most; a walk is over after at most one call
 * more than that.
 */
static __always_inline void unwind_begin(
	struct unwind_walk *w, __u32 limit, enum unwind_start start)
{
	w->limit = limit > EVENT_MAX_FRAMES ? EVENT_MAX_FRAMES : limit;
	if (start == UNWIND_FROM_PC)
		w->pc++; /* as if it were a return address; unwind_end takes it back */
	w->guess_count = 0;
	w->signal_count = 0;
	w->met_unknown = 0;
	w->window_words = 0;
	w->window_start = 0;
	w->record.frame_count = 0;
	w->record.guessed_frames = 0;
}

/* After the last unwind_frame. */
static __always_inline void unwind_end(struct unwind_walk *w, enum unwind_start start, int stop)
{
	if (start == UNWIND_FROM_PC)
		w->frames[0]--;
	w->record.header.flags = stop;
}

#endif
