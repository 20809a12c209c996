/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/watch_known.h"

#include <stdlib.h>
#include <string.h>

const struct known_deadlock *known__add(
	struct known_deadlocks *known, const struct lock_findings *findings, size_t index)
{
	const struct wait_graph *graph = &findings->graph;
	const struct wait_cycle *cycle = &graph->cycles[index];
	struct known_deadlock deadlock = {
		.identity = graph__cycle_identity(graph, index),
		.found_ns = findings->snapshot->taken_ns,
	};

	vec_for_each (old, &known->list)
		if (old->identity == deadlock.identity)
			return NULL;
	findings__headline(findings, index, deadlock.headline, sizeof(deadlock.headline));
	for (size_t i = 0; i < cycle->count; i++) {
		const struct lock_wait *wait =
			&findings->waits.data[graph->members[cycle->first + i]];
		struct known_wait one = {wait->thread->pid, wait->thread->tid,
			wait->thread->start_ns, wait->futex.uaddr};

		if (vec_push(&deadlock.waits, one)) {
			vec_free(&deadlock.waits);
			return NULL;
		}
	}
	deadlock.number = ++known->count;
	if (vec_push(&known->list, deadlock)) {
		vec_free(&deadlock.waits);
		return NULL;
	}
	return &known->list.data[known->list.size - 1];
}

static int compare(const void *a, const void *b)
{
	const struct look_thread *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

enum dissolution known__check(const struct known_deadlock *deadlock, const struct look *look)
{
	vec_for_each (wait, &deadlock->waits) {
		struct look_thread key = {.pid = wait->pid, .tid = wait->tid};
		const struct look_thread *thread =
			bsearch(&key, look->threads, look->count, sizeof(key), compare);
		char state = thread ? look_thread__state(thread) : 'X';

		if (state == 'X' || state == 'Z' || thread->start_ns != wait->start_ns)
			return DISSOLVED_EXIT;
		if (thread->args[0] != wait->uaddr || (state != 'S' && state != 'D'))
			return DISSOLVED_WAKE;
	}
	return DISSOLVED_NOT;
}

void known__remove(struct known_deadlocks *known, size_t index)
{
	vec_free(&known->list.data[index].waits);
	known->list.data[index] = known->list.data[--known->list.size];
}

void known__free(struct known_deadlocks *known)
{
	while (known->list.size)
		known__remove(known, 0);
	vec_free(&known->list);
}
