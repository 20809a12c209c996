/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/graph.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "locks/kernel_wait.h"

#define NO_EDGE SIZE_MAX

const char *verdict__name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_NONE] = "NONE",
		[VERDICT_DEADLOCK] = "DEADLOCK",
		[VERDICT_SELF_DEADLOCK] = "SELF-DEADLOCK",
		[VERDICT_TIMED_CYCLE] = "TIMED CYCLE",
		[VERDICT_OWNER_DEAD] = "OWNER DEAD",
		[VERDICT_OWNER_ELSEWHERE] = "OWNER BLOCKED ELSEWHERE",
		[VERDICT_OWNER_BUSY] = "BUSY",
		[VERDICT_OWNER_UNKNOWN] = "OWNER UNKNOWN",
		[VERDICT_STALL] = "STALL",
		[VERDICT_IDLE] = "IDLE",
		[VERDICT_FORKED] = "FORKED",
		[VERDICT_LOST] = "LOST WAKE-UP",
		[VERDICT_HUNG] = "HUNG",
	};

	return names[verdict];
}

bool verdict__is_deadlock(enum verdict verdict)
{
	return verdict == VERDICT_DEADLOCK || verdict == VERDICT_SELF_DEADLOCK;
}

static void find_edges(struct wait_graph *graph)
{
	const struct lock_waits *waits = graph->waits;

	for (size_t i = 0; i < waits->size; i++)
		graph->first_behind[i] = graph->next_behind[i] = NO_EDGE;
	/* From the last on, so that the first stands first. */
	for (size_t i = waits->size; i-- > 0;) {
		const struct lock_wait *owners =
			waits->data[i].owner ? waits__of(waits, waits->data[i].owner) : NULL;
		size_t edge = owners ? (size_t)(owners - waits->data) : NO_EDGE;

		graph->edges[i] = edge;
		if (edge == NO_EDGE)
			continue;
		graph->next_behind[i] = graph->first_behind[edge];
		graph->first_behind[edge] = i;
	}
}

size_t graph__next_held(const struct wait_graph *graph, size_t index, size_t wait)
{
	const struct lock_wait *waits = graph->waits->data;
	const struct lock_key *told = wait == NO_EDGE ? NULL : &waits[wait].key;
	size_t next = told ? graph->next_behind[wait] : graph->first_behind[index];

	while (next != NO_EDGE &&
		(waits[next].kind == WAIT_JOIN || !wait_kind__is_lock(waits[next].kind) ||
			(told && lock_key__equal(told, &waits[next].key))))
		next = graph->next_behind[next];
	return next;
}

/* The verdict on a wait whose owner does not wait for a lock. */
static enum verdict judge_end(const struct lock_wait *wait)
{
	if (wait->forked)
		return VERDICT_FORKED;
	if (wait->owner_dead)
		return VERDICT_OWNER_DEAD;
	if (!wait->owner && wait->state.field == OWNER_FREE && !wait->futex.timed)
		return VERDICT_LOST;
	if (!wait->owner)
		return wait_kind__has_holder(wait->kind) ? VERDICT_OWNER_UNKNOWN : VERDICT_STALL;
	/* Asleep without a system call: a page fault. */
	if (wait->owner->state == 'R' || (wait->owner->state == 'S' && wait->owner->syscall < 0))
		return VERDICT_OWNER_BUSY;
	return VERDICT_OWNER_ELSEWHERE;
}

/* Writes the cycle that @start is on; the waits on it get their fates. */
static void add_cycle(struct wait_graph *graph, size_t start)
{
	struct wait_cycle *cycle = &graph->cycles[graph->cycle_count];
	bool timed = false;
	size_t i = start;

	*cycle = (struct wait_cycle){.first = graph->member_count, .certainty = CERTAINTY_EXACT};
	do {
		const struct lock_wait *wait = &graph->waits->data[i];

		timed |= wait->futex.timed;
		if (wait->certainty < cycle->certainty)
			cycle->certainty = wait->certainty;
		graph->members[graph->member_count++] = i;
		cycle->count++;
		i = graph->edges[i];
	} while (i != start);
	cycle->verdict = cycle->count == 1 ? VERDICT_SELF_DEADLOCK : VERDICT_DEADLOCK;
	if (timed)
		cycle->verdict = VERDICT_TIMED_CYCLE;
	for (size_t n = 0; n < cycle->count; n++)
		graph->fates[graph->members[cycle->first + n]] = (struct wait_fate){
			.verdict = cycle->verdict,
			.in_cycle = true,
			.cycle = graph->cycle_count,
			.end = graph->waits->data[start].thread,
		};
	graph->cycle_count++;
}

/* Gives every wait on @path (innermost last) the fate of the wait that it leads to. */
static void unwind_path(struct wait_graph *graph, const size_t *path, size_t length)
{
	while (length-- > 0) {
		size_t i = path[length];
		struct wait_fate *fate = &graph->fates[i];
		const struct wait_fate *next;

		if (fate->verdict != VERDICT_NONE)
			continue; /* on the cycle that the path ended in */
		if (graph->edges[i] == NO_EDGE) {
			const struct lock_wait *wait = &graph->waits->data[i];

			*fate = (struct wait_fate){
				.verdict = judge_end(wait), .end = wait->owner, .depth = 1};
			continue;
		}
		next = &graph->fates[graph->edges[i]];
		*fate = *next;
		fate->in_cycle = false;
		fate->depth = next->depth + 1;
		if (!fate->end)
			fate->end = graph->waits->data[graph->edges[i]].thread;
		if (fate->verdict <= VERDICT_TIMED_CYCLE)
			graph->cycles[fate->cycle].victims++;
	}
}

/* Every wait has at most one edge: follow it from each wait until known ground. @mark: which
 * start last came by, plus one. */
static void find_fates(struct wait_graph *graph, size_t *mark, size_t *path)
{
	for (size_t start = 0; start < graph->waits->size; start++) {
		size_t length = 0, i = start;

		while (i != NO_EDGE && !mark[i]) {
			mark[i] = start + 1;
			path[length++] = i;
			i = graph->edges[i];
		}
		if (i != NO_EDGE && mark[i] == start + 1)
			add_cycle(graph, i);
		unwind_path(graph, path, length);
	}
}

/* Of each lock, the place of its convoy plus one. */
DEFINE_HASH(convoy_map, struct lock_key, size_t, lock_key__hash, lock_key__same);

static int compare_convoys(const void *a, const void *b)
{
	const struct convoy *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->wait > y->wait) - (x->wait < y->wait);
}

static int find_convoys(struct wait_graph *graph)
{
	struct convoy_map map = {0};
	int err = 0;

	for (size_t i = 0; i < graph->waits->size; i++) {
		size_t *place;

		if (!wait_kind__has_holder(graph->waits->data[i].kind) ||
			!wait_kind__is_lock(graph->waits->data[i].kind))
			continue;
		place = convoy_map__insert(&map, graph->waits->data[i].key);
		if (!place) {
			err = -ENOMEM;
			break;
		}
		if (!*place) {
			graph->convoys[graph->convoy_count] = (struct convoy){.wait = i};
			*place = ++graph->convoy_count;
		}
		graph->convoys[*place - 1].count++;
	}
	convoy_map__free(&map);
	qsort(graph->convoys, graph->convoy_count, sizeof(*graph->convoys), compare_convoys);
	while (graph->convoy_count &&
		graph->convoys[graph->convoy_count - 1].count < CONVOY_MINIMUM)
		graph->convoy_count--;
	return err;
}

int graph__build(const struct lock_waits *waits, struct wait_graph *out)
{
	size_t count = waits->size + 1;
	size_t *mark = calloc(count, sizeof(*mark));
	size_t *path = calloc(count, sizeof(*path));
	int err = -ENOMEM;

	*out = (struct wait_graph){
		.waits = waits,
		.fates = calloc(count, sizeof(*out->fates)),
		.cycles = calloc(count, sizeof(*out->cycles)),
		.members = calloc(count, sizeof(*out->members)),
		.convoys = calloc(count, sizeof(*out->convoys)),
		.edges = calloc(count, sizeof(*out->edges)),
		.first_behind = calloc(count, sizeof(*out->first_behind)),
		.next_behind = calloc(count, sizeof(*out->next_behind)),
	};
	if (mark && path && out->fates && out->cycles && out->members && out->convoys &&
		out->edges && out->first_behind && out->next_behind) {
		find_edges(out);
		find_fates(out, mark, path);
		err = find_convoys(out);
	}
	free(mark);
	free(path);
	if (err)
		graph__free(out);
	return err;
}

void graph__free(struct wait_graph *graph)
{
	free(graph->fates);
	free(graph->cycles);
	free(graph->members);
	free(graph->convoys);
	free(graph->edges);
	free(graph->first_behind);
	free(graph->next_behind);
	*graph = (struct wait_graph){0};
}

static bool same_thread(const struct lock_thread *a, const struct lock_thread *b)
{
	return a && b && a->tid == b->tid && a->pid == b->pid && a->start_ns == b->start_ns;
}

bool graph__cycle_persists(const struct wait_graph *now, size_t index,
	const struct wait_graph *before, bool *never_ran)
{
	const struct wait_cycle *cycle = &now->cycles[index];
	bool is_talk = false;

	*never_ran = true;
	for (size_t n = 0; n < cycle->count; n++) {
		size_t i = now->members[cycle->first + n];
		const struct lock_wait *wait = &now->waits->data[i], *earlier = NULL;

		/* Two snapshots: compare by identity, not by address. */
		for (size_t k = 0; k < before->member_count && !earlier; k++) {
			const struct lock_wait *old = &before->waits->data[before->members[k]];

			if (same_thread(old->thread, wait->thread))
				earlier = old;
		}
		if (!earlier || earlier->futex.uaddr != wait->futex.uaddr ||
			!lock_key__equal(&earlier->key, &wait->key) ||
			!same_thread(earlier->owner, wait->owner))
			return false;
		/* Who waits for the GIL wakes every 5 ms, and only looks whether it is free. */
		*never_ran &= earlier->thread->switches == wait->thread->switches ||
			      (wait->kind == WAIT_GIL && earlier->kind == WAIT_GIL);
		is_talk |= !wait_kind__is_lock(wait->kind);
	}
	/* Two that talk to each other wait in turns: one moment after the other, not a cycle. */
	return *never_ran || !is_talk;
}

uint64_t graph__cycle_identity(const struct wait_graph *graph, size_t index)
{
	const struct wait_cycle *cycle = &graph->cycles[index];
	uint64_t identity = 0;

	/* A sum: the same wherever in the cycle one begins. */
	for (size_t n = 0; n < cycle->count; n++) {
		const struct lock_wait *wait =
			&graph->waits->data[graph->members[cycle->first + n]];

		identity += hash_combine(
			hash_combine(wait->thread->tid, wait->thread->start_ns), wait->futex.uaddr);
	}
	return identity;
}
