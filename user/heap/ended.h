/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Ended processes in bounded memory. Of many that came and went the latest are kept one by one; the
 * books of the others are added up: their counts, what their threads did at each site (under "all
 * others"), and the blocks that they left, by site and age.
 */
#ifndef MEMTRACE_HEAP_ENDED_H
#define MEMTRACE_HEAP_ENDED_H

#include <stddef.h>
#include <stdint.h>

/*
 * Ended processes that are kept one by one: some 2 MB, and more than anybody reads. When there are
 * so many, the older half is added up.
 */
#define ENDED_LIMIT 2048
/*
 * Blocks left by ended processes that are kept one by one: 8 to 16 MB. When there are more, those
 * of the older processes are added up, until half as many are kept; a process of the newest few
 * keeps its own, however many: while it ran it took the same memory.
 */
#define ENDED_BLOCKS (1u << 18)
#define ENDED_WITH_BLOCKS 16

/* Blocks left at one site whose ages at exit, in ns, have one log2. */
struct left_blocks {
	uint32_t site;
	uint64_t count;
	uint64_t bytes;
	uint64_t oldest_ns;
	double age_sum_ns;
};

struct heap;

/* After a process has ended: adds up the oldest, or what they left, if there are too many. */
void ended__add_up(struct heap *heap);

#endif
