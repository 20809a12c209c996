/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The walker of bpf/unwind_step.h, native: for threads that are looked at from outside (blocked
 * ones), and for tests that walk saved stacks.
 */
#ifndef MEMTRACE_UNWIND_WALK_H
#define MEMTRACE_UNWIND_WALK_H

#include <sys/types.h>

#include "unwind.h"
#include "unwind/table.h"

/* A piece of an address space that may be executed, and its table. */
struct unwind_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t bias;			  /* address = vaddr in the ELF file + bias; wraps */
	const struct unwind_table *table; /* NULL: none (JIT code) */
	bool is_uprobes;		  /* the kernel's "[uprobes]" page */
};

/*
 * The lowest pc that is looked up in @mapping. A replaced return address is the first of the page
 * of uprobe slots, and return addresses are looked up at the byte before.
 */
static inline uint64_t unwind_mapping__first_pc(const struct unwind_mapping *mapping)
{
	return mapping->start - mapping->is_uprobes;
}

/* Reads @size bytes at @address of the target into @to. 0 or a negative errno, nothing partial. */
typedef int unwind_read_fn(void *context, void *to, size_t size, uint64_t address);

/* What is walked; all of it the caller's. */
struct unwind_target {
	const struct unwind_mapping *mappings; /* sorted by start, not overlapping */
	size_t mapping_count;
	unwind_read_fn *read;
	void *context;
	/* NULL, or room for the limit: the stack pointer of each frame, once its callee returned.
	 */
	uint64_t *stack_pointers;
};

/*
 * Walks from walk->pc, sp, bp, bx (arm64: bx is lr) and saved[] as the BPF walker does; results are
 * in walk->record, frames and hash. Returns the enum stack_stop.
 */
int unwind__walk_native(const struct unwind_target *target, struct unwind_walk *walk,
	uint32_t limit, enum unwind_start start);

/*
 * An unwind_read_fn for a live process, which is not stopped for it: @context points to its pid_t
 * (any of its threads). Needs the rights of ptrace(2).
 */
int unwind__read_process(void *context, void *to, size_t size, uint64_t address);

#endif
