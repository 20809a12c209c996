/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Blocks that may be lost in a process that runs on while it is read. A pointer may be moved behind
 * a look's back, but what is lost stays lost, and nobody writes to it any more: a block is a
 * suspect as long as every look finds it unreached, and the same to the byte. What is left after
 * the looks is hunted for: the pages that changed between the looks are read many times over, since
 * a pointer that moves is in one of them.
 */
#ifndef MEMTRACE_CENSUS_SUSPECTS_H
#define MEMTRACE_CENSUS_SUSPECTS_H

#include "census/pointer_graph.h"

struct suspect {
	uint64_t address;
	uint64_t size;
	uint32_t print;
};

struct suspects {
	VEC(struct suspect) blocks; /* ascending */
	size_t looks;
	struct page_prints pages; /* of the last look */
	VEC(uint64_t) moving;	  /* pages that changed between looks, ascending */
	uint64_t hunts;		  /* passes over them */
	uint64_t acquitted;	  /* suspects that later looks or hunts found a pointer to */
};

/*
 * Takes one look's result: after the first one, those not START in @states; after others, what is
 * left of them. Takes the prints of pages out of @graph. 0 or -ENOMEM.
 */
int suspects__look(struct suspects *suspects, struct pointer_graph *graph, const uint8_t *states);

/*
 * Whether another look is worth it after @done of @wanted ones, of which the last acquitted
 * @acquitted: those that are wanted, and some more as long as each finds that some of what was lost
 * is not. None without a suspect.
 */
bool suspects__want_look(
	const struct suspects *suspects, size_t done, size_t wanted, uint64_t acquitted);

/* Hunts. 0, -ENOMEM or -ESRCH. */
int suspects__hunt(struct suspects *suspects, const struct census_image *image);

/* Whether the block is one. */
bool suspects__has(const struct suspects *suspects, uint64_t address);

void suspects__free(struct suspects *suspects);

#endif
