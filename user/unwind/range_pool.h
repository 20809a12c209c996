/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Hands out runs of consecutive slots in the array of ranges. A run that is given back rests for a
 * second before it is used again: BPF walks that still read it end within microseconds.
 *
 * Resting runs are kept apart, each with its own time, in the order in which they came; only what
 * has rested is joined with its neighbours. (Joined while it rests, a run would have to rest from
 * the time of its newest part on: where processes come and go all the time, forever.)
 */
#ifndef MEMTRACE_UNWIND_RANGE_POOL_H
#define MEMTRACE_UNWIND_RANGE_POOL_H

#include <stdint.h>

#include "base/vec.h"

#define RANGE_POOL_REST_NS 1000000000ull

struct range_run {
	uint32_t first;
	uint32_t count;
};

struct resting_run {
	struct range_run run;
	uint64_t freed_ns;
};

struct range_pool {
	uint32_t size; /* slots in all */
	uint32_t next; /* slots from here on were never used */
	uint32_t used;
	VEC(struct range_run) rested;	 /* sorted by first, no two adjacent */
	VEC(struct resting_run) resting; /* oldest first, those before `woken` are done with */
	size_t woken;
};

/* First slot of a run of @count (> 0), or a negative errno: -ENOSPC. @now_ns: CLOCK_MONOTONIC. */
int64_t range_pool__take(struct range_pool *pool, uint32_t count, uint64_t now_ns);

/* Gives a run back. If memory for the note is short the slots are lost, nothing worse. */
void range_pool__give(struct range_pool *pool, uint32_t first, uint32_t count, uint64_t now_ns);

void range_pool__free(struct range_pool *pool);

#endif
