/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The mapped ranges of an address space, [start, end), each with who mapped it: sorted, disjoint,
 * neighbours of one owner merged; exact under partial and overlapping additions and removals. An
 * array: the kernel allows a process about 65,000 mappings.
 */
#ifndef MEMTRACE_HEAP_MAPPED_RANGES_H
#define MEMTRACE_HEAP_MAPPED_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

/* What memory is mapped for, as far as its call tells. */
enum mapped_kind {
	MAPPED_PROGRAM = 0, /* anonymous or shared memory, by a call of the program's own */
	MAPPED_ALLOCATOR,   /* by a call from within malloc and its kin */
	MAPPED_STACK,	    /* a thread's stack: MAP_STACK */
	MAPPED_FILE,	    /* a file, with what a loader maps over it: libraries */
	MAPPED_RESERVED,    /* anonymous, and without access so far: address space only */
	MAPPED_KIND_COUNT,
};

struct mapped_range {
	uint64_t start;
	uint64_t end;
	uint32_t site;	 /* of the call */
	uint8_t kind;	 /* enum mapped_kind */
	uint8_t becomes; /* the kind of what is RESERVED once it is accessible */
	bool inherited;	 /* a copy that the process got by fork */
};

struct mapped_ranges {
	VEC(struct mapped_range) list;
	uint64_t bytes; /* sum of the lengths */
};

/* Called with each piece that is taken out, cut to the range in question. */
typedef void mapped_piece_fn(void *context, const struct mapped_range *piece);

/*
 * Takes [start, end) out. 0 or -ENOMEM (nothing changed, nothing visited); @visit may be NULL.
 */
int mapped_ranges__remove(struct mapped_ranges *set, uint64_t start, uint64_t end,
	mapped_piece_fn *visit, void *context);

/* Adds @range in place of what is there, which @visit sees. 0 or -ENOMEM (nothing changed). */
int mapped_ranges__add(struct mapped_ranges *set, const struct mapped_range *range,
	mapped_piece_fn *visit, void *context);

/* The first range that ends behind @address, or NULL. Valid until the next change. */
const struct mapped_range *mapped_ranges__next(const struct mapped_ranges *set, uint64_t address);

/* The range that holds @address, or NULL. Valid until the next change. */
const struct mapped_range *mapped_ranges__find(const struct mapped_ranges *set, uint64_t address);

/* 0 or -ENOMEM; @copy is freed by the caller. */
int mapped_ranges__copy(struct mapped_ranges *copy, const struct mapped_ranges *set);

void mapped_ranges__free(struct mapped_ranges *set);

#endif
