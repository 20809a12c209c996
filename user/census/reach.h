/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which blocks the roots reach, and of the others which are lost and which are lost with them, as
 * Valgrind's memcheck defines it (its manual, 4.2.8): reachable by pointers to the starts of
 * blocks; possibly lost where the only way leads by an inner pointer; else definitely lost, or
 * indirectly where a lost block points to it.
 */
#ifndef MEMTRACE_CENSUS_REACH_H
#define MEMTRACE_CENSUS_REACH_H

#include "census/pointer_graph.h"

enum reach {
	REACH_NONE = 0, /* not yet known, or lost: before reach__find_lost */
	REACH_POSSIBLE,
	REACH_START,
	REACH_DEFINITE, /* lost */
	REACH_INDIRECT, /* lost with another */
};

/* Whether @edge counts as one to the start of its target. */
static inline bool pointer_graph__is_start(const struct pointer_graph *graph, uint32_t edge)
{
	uint32_t place = edge__place(edge);

	return place == EDGE_START ||
	       (place != EDGE_INNER && (graph->hints[edge__target(edge)] >> place & 1));
}

/*
 * Fills in @states, enum reach of each block: NONE, POSSIBLE or START. What it has before as START
 * is taken as a root, too; the rest must be NONE. 0 or -ENOMEM.
 */
int reach__mark(const struct pointer_graph *graph, uint8_t *states);

/* Tells of the blocks that are NONE which are DEFINITE and which INDIRECT. 0 or -ENOMEM. */
int reach__find_lost(const struct pointer_graph *graph, uint8_t *states);

#endif
