/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Unwind tables: what user/unwind builds from .eh_frame and what the walker (unwind_step.h) reads,
 * in BPF and natively.
 *
 * A table is a sorted array of rows, one 64-bit word each: a pc, relative to the table's start, in
 * the high half and a rule in the low one. The row with the greatest pc not above the one looked
 * for holds. A rule says, for one pc, where the frame's CFA (canonical frame address: the stack
 * pointer before the call) is and where the caller's registers were saved. Only what a walk needs
 * is kept: stack pointer, frame pointer and, on x86-64, rbx, which ld.so's _dl_runtime_resolve uses
 * as its CFA register (of Debian 12's libraries no other register is a CFA base in code that calls
 * anything).
 */
#ifndef MEMTRACE_UNWIND_H
#define MEMTRACE_UNWIND_H

#include "event.h"

/* How a frame's CFA is found. Slots are 8 bytes; CFA-8k is the slot k slots below the CFA. */
enum unwind_kind {
	UNWIND_UNKNOWN = 0, /* not looked up yet: never in a table */
	UNWIND_SP,	    /* CFA = sp + offset */
	UNWIND_BP,	    /* CFA = bp + offset */
	UNWIND_BX,	    /* CFA = bx + offset (x86-64) */
	UNWIND_DEREF_SP,    /* CFA = *(sp + a) + b */
	UNWIND_DEREF_BP,    /* CFA = *(bp + a) + b */
	UNWIND_DRAP,   /* CFA = *(bp + a) + b, bp saved at *bp, bx k slots below bp: a function that
			  realigns its stack */
	UNWIND_PLT,    /* CFA = sp + offset, 8 more from a threshold of pc & 15 on */
	UNWIND_SIGNAL, /* the kernel's signal frame is at sp */
	UNWIND_RARE,   /* too large for these bits: entry `offset` of the rare rules */
	UNWIND_END,    /* the return address is marked undefined: outermost frame */
	UNWIND_BAD,    /* the table has a rule here that cannot be followed */
	UNWIND_NO_RULE,	   /* executable, but no table covers it */
	UNWIND_OUTSIDE,	   /* in no executable mapping that is known */
	UNWIND_UPROBES,	   /* the kernel's page of uprobe slots: a replaced return address */
	UNWIND_NO_TABLES,  /* the process's mappings are not known yet: never in the cache */
	UNWIND_KIND_COUNT, /* 16: a kind has four bits */
};

/*
 * A rule packs into 32 bits. x86-64, from bit 0:
 *	kind:4  bp slot:5  bx slot:5  offset:18
 * Slot k means saved at CFA-8k, 0 not saved (the register still has the caller's value). The
 * return address is always at CFA-8. `offset` counts slots, so frames up to 2 MiB fit.
 * DEREF_*, DRAP: offset = (a + UNWIND_DEREF_BIAS) << 8 | b, both in slots.
 * PLT: offset = threshold << 8 | slots.
 *
 * arm64:
 *	kind:4  record slot:10  offset:18
 * The frame record (x29 then x30) was saved at CFA-8k; 0: not saved, the return address is in lr.
 */
#define UNWIND_KIND_BITS 4
#define UNWIND_SLOT_BITS 5
#define UNWIND_SLOT_MAX ((1u << UNWIND_SLOT_BITS) - 1)
#define UNWIND_RECORD_BITS 10
#define UNWIND_RECORD_MAX ((1u << UNWIND_RECORD_BITS) - 1)
#define UNWIND_OFFSET_SHIFT 14
#define UNWIND_OFFSET_MAX ((1u << 18) - 1)
#define UNWIND_DEREF_BIAS 512
#define UNWIND_DEREF_B_MAX 255

#define unwind_rule(kind, bp_slot, bx_slot, offset)                      \
	((__u32)(kind) | (__u32)(bp_slot) << 4 | (__u32)(bx_slot) << 9 | \
		(__u32)(offset) << UNWIND_OFFSET_SHIFT)
#define unwind_rule_arm64(kind, record_slot, offset) \
	((__u32)(kind) | (__u32)(record_slot) << 4 | (__u32)(offset) << UNWIND_OFFSET_SHIFT)
#define unwind_rule_kind(rule) ((rule)&15u)
#define unwind_rule_bp_slot(rule) ((rule) >> 4 & UNWIND_SLOT_MAX)
#define unwind_rule_bx_slot(rule) ((rule) >> 9 & UNWIND_SLOT_MAX)
#define unwind_rule_record_slot(rule) ((rule) >> 4 & UNWIND_RECORD_MAX)
#define unwind_rule_offset(rule) ((rule) >> UNWIND_OFFSET_SHIFT)

#define unwind_row(pc, rule) ((__u64)(pc) << 32 | (rule))
#define unwind_row_pc(row) ((__u32)((row) >> 32))
#define unwind_row_rule(row) ((__u32)(row))

/*
 * A rule that 32 bits cannot hold: very large frames, registers saved far from the CFA, what is
 * described by hand. CFA = base + cfa_offset, or with derefs the word there, or the word that this
 * points to..., + cfa_after. A register was saved at the CFA (its base: 0) or at one of this
 * frame's registers (UNWIND_SP, UNWIND_BP or UNWIND_BX) plus an offset.
 */
#define UNWIND_NOT_SAVED ((__s32)0x80000000)
#define UNWIND_MAX_DEREFS 3
struct unwind_rare {
	__s32 base;	  /* UNWIND_SP, UNWIND_BP or UNWIND_BX */
	__s32 cfa_offset; /* all offsets in bytes */
	__s32 derefs;	  /* at most UNWIND_MAX_DEREFS */
	__s32 cfa_after;
	__s32 return_offset; /* x86-64: of the return address, from the CFA; usually -8 */
	__s32 bp_base;
	__s32 bp_offset; /* or UNWIND_NOT_SAVED */
	__s32 bx_base;	 /* x86-64: rbx; arm64: lr */
	__s32 bx_offset;
	__s32 go_switch; /* 1: not all that, but what Go's asmcgocall does: UNWIND_GO_* */
};
_Static_assert(sizeof(struct unwind_rare) == 40, "");

/*
 * Go calls C on the thread's stack. Behind such a call, at sp + UNWIND_GO_G, is the goroutine's g,
 * in it, at UNWIND_GO_STACK_HI, the end of the goroutine's stack, and at sp + UNWIND_GO_DEPTH how
 * far below that asmcgocall was called. rbp is as it was there.
 */
#define UNWIND_GO_G 48
#define UNWIND_GO_DEPTH 40
#define UNWIND_GO_STACK_HI 8

/*
 * Rows lie in segments: arrays of chunks, one inner map each, so that one binary search step is
 * one map lookup only down to a chunk. A chunk's unused tail repeats its last row.
 */
#define UNWIND_CHUNK_ROWS 64
#define UNWIND_MAX_SEGMENTS                                                  \
	1024 /* each holds at least one module; adding one is never frequent \
	      */
struct unwind_chunk {
	__u64 rows[UNWIND_CHUNK_ROWS];
};

/*
 * A piece of a process's address space that may be executed. Ranges of one process lie side by
 * side in the array of ranges, sorted by start; unwind_space says where.
 */
struct unwind_range {
	__u64 start;
	__u64 end;	   /* first byte after */
	__u64 base;	   /* row pc = pc - base */
	__u32 space;	   /* the space that it belongs to; another one: this slot was reused */
	__u32 kind;	   /* 0: use the table; else UNWIND_NO_RULE (JIT) or UNWIND_UPROBES */
	__u32 segment;	   /* the table: segment, first chunk, number of chunks */
	__u32 first_chunk; /* a table always begins with a fresh chunk */
	__u32 chunk_count;
	__u32 reserved;
};
_Static_assert(sizeof(struct unwind_range) == 48, "");
#define UNWIND_MAX_RANGES 65536 /* 3 MiB: 300 processes of 200 libraries; grown processes share */

/* Where the ranges of a process are. Processes that forked share a space until they change. */
struct unwind_space {
	__u32 space;
	__u32 first;
	__u32 count;
	__u32 reserved;
};
#define UNWIND_MAX_PROCESSES 16384

/*
 * The rule cache: pc -> rule, direct mapped, shared by all CPUs, one word per entry so that no
 * reader ever sees half of one. A pc is mixed by a bijection on 48 bits, seeded by a salt that
 * differs by process and mapping epoch: 16 bits choose the entry, the other 32 are its tag. So
 * within one process and epoch two pcs are never taken for one another, and changing an epoch
 * forgets all rules of a process. 64 Ki entries: about the distinct return addresses of a large
 * C++ program; 512 KiB stay in the L2 cache.
 */
#define UNWIND_CACHE_BITS 16
#define UNWIND_CACHE_SIZE (1u << UNWIND_CACHE_BITS)
#define UNWIND_EPOCHS 4096
#define UNWIND_MAX_RARE 1024 /* distinct rare rules of all modules; more: UNWIND_BAD, counted */
struct unwind_shared {
	__u64 cache[UNWIND_CACHE_SIZE];
	__u64 epochs[UNWIND_EPOCHS]; /* by process % UNWIND_EPOCHS: random, changed by userland */
	struct unwind_rare rare[UNWIND_MAX_RARE];
	__u64 cache_misses;
};

/* An odd constant (2^64 / golden ratio): multiplication by it is a bijection on the low 48 bits. */
#define UNWIND_MIX 0x9e3779b97f4a7c15ull
#define unwind_salt(process, epoch) (((__u64)(process)*UNWIND_MIX) >> 16 ^ (epoch))

/* How the walk's first pc is meant. */
enum unwind_start {
	UNWIND_FROM_RETURN = 0, /* a return address: the rule is that of the call before it */
	UNWIND_FROM_PC = 1,	/* where the thread is */
};

/*
 * A return address that one of our return probes replaced, noted at the function's entry, before
 * the kernel replaces it.
 */
#define UNWIND_SAVED_RETURNS 4 /* nested probed functions whose returns are pending */
struct unwind_saved_return {
	__u64 cfa; /* sp after the return: on x86-64 sp at entry + 8, on arm64 sp at entry; 0: none
		    */
	__u64 address;
};

/*
 * Stack bytes are read in windows: one bpf_probe_read_user of 2 KiB costs about three of 8 bytes,
 * and covers a dozen frames of usual size. (Measured: 22 ns for each frame, 26 with windows of
 * 1 KiB, 37 with 512 bytes.)
 */
#define UNWIND_WINDOW_WORDS 256

/*
 * A walk, zeroed before its first use. It must lie in memory that no other thread uses meanwhile:
 * uprobe programs can be preempted, so per-CPU maps will not do; task storage will. The caller sets
 * pc, sp, bp, bx (on arm64 lr instead), saved[] and hash (a seed), and reads record.frame_count,
 * .guessed_frames, .header.flags (enum stack_stop), frames and hash. `record` and `frames` lie side
 * by side so that they can be sent as they are; the rest of record is the caller's to fill.
 *
 * All frames are return addresses: the call is at the byte before. So a pc that a signal
 * interrupted is given plus 1. Only the first frame of a walk UNWIND_FROM_PC is that pc itself.
 */
struct unwind_walk {
	__u64 pc;
	__u64 sp;
	__u64 bp;
	__u64 bx;   /* x86-64: rbx; arm64: lr */
	__u64 hash; /* in: seed; out: mixed with all frames */
	__u64 salt;
	__u32 process;
	__u32 limit;
	__u32 guess_count;  /* frame_count when a frame was last found by frame pointer */
	__u32 signal_count; /* frame_count behind the last signal frame */
	__u32 met_unknown;  /* a pc was in no executable mapping that is known: perhaps a new one */
	__u32 window_words;
	int stop;	/* of the walk: enum stack_stop */
	__u32 reserved; /* 0 */
	__u64 window_start;
	__u64 unreadable; /* kept from walk to walk: a page that could not be read; 0: none known */
	__u64 context;	  /* native: what is walked */
	struct unwind_saved_return saved[UNWIND_SAVED_RETURNS];
	__u64 window[UNWIND_WINDOW_WORDS];
	union {
		struct event_stack record;
		struct {
			__u64 record_header[sizeof(struct event_stack) / 8];
			__u64 frames[EVENT_MAX_FRAMES];
		};
	};
};

#endif
