/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A survey out of a trace: the live blocks of an allocator of any kind, as its calls were seen.
 * Where its bookkeeping can be read as well (survey.h), that tells of the blocks from before the
 * trace and of what is free; else, what no traced block holds may hold pointers, unless the trace
 * saw all there ever was (`is_whole`): then no other memory of the allocator's is in use.
 */
#ifndef MEMTRACE_CENSUS_TRACED_H
#define MEMTRACE_CENSUS_TRACED_H

#include "census/survey.h"

/* As `site`: of a block that is not to be counted. */
#define TRACED_UNCOUNTED UINT32_MAX

struct traced_block {
	uint64_t address;
	uint64_t size; /* bytes requested */
	uint64_t time_ns;
	uint32_t site;
};

struct traced_range {
	uint64_t start, end;
	/*
	 * Mapped by no call that is known as the allocator's: it is one of its own all the same, of
	 * a constructor or a thread, where a block lies in it.
	 */
	bool may_be;
};

struct traced_set {
	VEC(struct traced_block) blocks; /* in any order; traced__arrange sorts them */
	VEC(struct traced_range) own;	 /* memory that the allocator has mapped; likewise */
	bool is_whole; /* traced from the first instruction, and nothing was lost */
};

/*
 * Sorts the set. A block that another one lies in is a pool's store: what is left of it is no
 * block. Blocks that cannot be (they overlap, or are no user's addresses) are left out.
 */
void traced__arrange(struct traced_set *set);

/* The block of an arranged set that begins at @address; NULL: none. */
const struct traced_block *traced__at(const struct traced_set *set, uint64_t address);

void traced__free(struct traced_set *set);

/*
 * Fills in @out from @image and an arranged @set: blocks that are live, traced ones with the bytes
 * that were requested. Returns 0 or a negative errno; the caller calls survey__free in every case.
 */
int traced__survey(
	const struct census_image *image, const struct traced_set *set, struct survey *out);

#endif
