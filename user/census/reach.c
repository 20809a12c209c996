/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/reach.h"

#include <errno.h>
#include <stdlib.h>

struct marking {
	const struct pointer_graph *graph;
	uint8_t *states;
	uint32_t *queue; /* each block is in it once at most */
	size_t queued, taken;
};

static void mark(struct marking *marking, uint32_t block, enum reach state)
{
	marking->states[block] = state;
	marking->queue[marking->queued++] = block;
}

/* --- by pointers to starts */

static void mark_start(struct marking *marking, uint32_t edge)
{
	uint32_t target = edge__target(edge);

	if (marking->states[target] != REACH_START && pointer_graph__is_start(marking->graph, edge))
		mark(marking, target, REACH_START);
}

static void spread_starts(struct marking *marking)
{
	const struct pointer_graph *graph = marking->graph;

	while (marking->taken < marking->queued) {
		uint32_t block = marking->queue[marking->taken++];

		for (uint32_t i = graph->first[block]; i < graph->first[block + 1]; i++)
			mark_start(marking, graph->edges.data[i]);
	}
}

/* --- by inner pointers, and from there by any */

static void mark_possible(struct marking *marking, uint32_t edge)
{
	uint32_t target = edge__target(edge);

	if (marking->states[target] == REACH_NONE)
		mark(marking, target, REACH_POSSIBLE);
}

static void spread_possible(struct marking *marking)
{
	const struct pointer_graph *graph = marking->graph;

	/* The queue still has all that is reached by starts: their other pointers come now. */
	for (marking->taken = 0; marking->taken < marking->queued; marking->taken++) {
		uint32_t block = marking->queue[marking->taken];

		for (uint32_t i = graph->first[block]; i < graph->first[block + 1]; i++)
			mark_possible(marking, graph->edges.data[i]);
	}
}

int reach__mark(const struct pointer_graph *graph, uint8_t *states)
{
	struct marking marking = {.graph = graph, .states = states};
	size_t count = graph->blocks->size;

	marking.queue = malloc((count + 1) * sizeof(*marking.queue));
	if (!marking.queue)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (states[i] == REACH_START || graph->blocks->data[i].state == BLOCK_OWN)
			mark(&marking, i, REACH_START);
	vec_for_each (root, &graph->roots)
		mark_start(&marking, root->edge);
	spread_starts(&marking);
	vec_for_each (root, &graph->roots)
		mark_possible(&marking, root->edge);
	spread_possible(&marking);
	free(marking.queue);
	return 0;
}

/* Marks what @leader points to, and so on: lost with it. A former leader that it reaches is, too.
 */
static void lose_with(struct marking *marking, uint32_t leader)
{
	const struct pointer_graph *graph = marking->graph;

	marking->queued = marking->taken = 0;
	mark(marking, leader, REACH_DEFINITE);
	while (marking->taken < marking->queued) {
		uint32_t block = marking->queue[marking->taken++];

		for (uint32_t i = graph->first[block]; i < graph->first[block + 1]; i++) {
			uint32_t target = edge__target(graph->edges.data[i]);
			uint8_t state = marking->states[target];

			if (state == REACH_NONE)
				mark(marking, target, REACH_INDIRECT);
			else if (state == REACH_DEFINITE && target != leader)
				marking->states[target] = REACH_INDIRECT;
		}
	}
}

int reach__find_lost(const struct pointer_graph *graph, uint8_t *states)
{
	struct marking marking = {.graph = graph, .states = states};
	size_t count = graph->blocks->size;

	marking.queue = malloc((count + 1) * sizeof(*marking.queue));
	if (!marking.queue)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (states[i] == REACH_NONE)
			lose_with(&marking, i);
	free(marking.queue);
	return 0;
}
