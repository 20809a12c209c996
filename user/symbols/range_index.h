/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Address ranges that may overlap, and which of them an address is in: symbols, compilation units,
 * functions, JIT code. Filled, sorted once, then searched.
 */
#ifndef MEMTRACE_SYMBOLS_RANGE_INDEX_H
#define MEMTRACE_SYMBOLS_RANGE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

struct range {
	uint64_t start;
	uint64_t end;	  /* first address behind it */
	uint64_t max_end; /* of this range and all before it */
	uint32_t rank;	  /* of several that hold an address the highest wins */
	uint32_t value;	  /* the caller's */
};

struct range_index {
	VEC(struct range) ranges;
};

/* Adds a range; an empty one is left out. Returns 0 or -ENOMEM. */
int range_index__add(
	struct range_index *index, uint64_t start, uint64_t end, uint32_t rank, uint32_t value);

/* To be called after the last addition and before the first search. */
void range_index__sort(struct range_index *index);

/*
 * The range that holds @address: of the highest rank, then the innermost (it starts last, then
 * ends first, then was given the highest value). NULL where there is none.
 */
const struct range *range_index__find(const struct range_index *index, uint64_t address);

/* The same of those whose rank is below @limit; NULL: there is none. */
const struct range *range_index__find_below(
	const struct range_index *index, uint64_t address, uint32_t limit);

/* The range that holds @address of the lowest rank from @limit on; NULL: there is none. */
const struct range *range_index__find_from(
	const struct range_index *index, uint64_t address, uint32_t limit);

void range_index__free(struct range_index *index);

#endif
