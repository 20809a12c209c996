/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/watch_known.h"

#include <stdlib.h>
#include <string.h>

static int note_thread(struct known_finding *known, const struct lock_thread *thread, bool polls)
{
	struct known_wait one = {
		thread->pid, thread->tid, thread->start_ns, thread->args[0], polls};

	return vec_push(&known->waits, one);
}

static int note_wait(
	struct known_finding *known, const struct lock_findings *findings, size_t index)
{
	const struct lock_wait *wait = &findings->waits.data[index];

	return note_thread(known, wait->thread, wait->kind == WAIT_GIL);
}

static int note_waits(struct known_finding *known, const struct lock_findings *findings,
	const struct finding *finding)
{
	const struct wait_cycle *cycle;
	const struct hung_process *hung;
	int err = 0;

	switch (finding->kind) {
	case FINDING_CYCLE:
		cycle = &findings->graph.cycles[finding->index];
		for (size_t i = 0; i < cycle->count && !err; i++)
			err = note_wait(known, findings, findings->graph.members[cycle->first + i]);
		break;
	case FINDING_WAIT:
		err = note_wait(known, findings, finding->index);
		break;
	case FINDING_HUNG:
		hung = &findings->hung.data[finding->index];
		for (size_t i = 0; i < hung->count && !err; i++)
			if (hung->threads[i].state != 'Z' && hung->threads[i].state != 'X')
				err = note_thread(known, &hung->threads[i], false);
	}
	return err;
}

const struct known_finding *known__add(struct known_findings *known,
	const struct lock_findings *findings, const struct finding *finding)
{
	struct known_finding fresh = {
		.verdict = finding->verdict,
		.identity = finding__identity(findings, finding),
		.found_ns = findings->snapshot->taken_ns,
		.number = known->count + 1,
	};

	vec_for_each (old, &known->list)
		if (old->identity == fresh.identity)
			return NULL;
	finding__headline(findings, finding, fresh.headline, sizeof(fresh.headline));
	if (note_waits(&fresh, findings, finding) || vec_push(&known->list, fresh)) {
		vec_free(&fresh.waits);
		return NULL;
	}
	known->count++;
	known->deadlocks += finding->kind == FINDING_CYCLE;
	return &known->list.data[known->list.size - 1];
}

static int compare(const void *a, const void *b)
{
	const struct look_thread *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

enum dissolution known__check(const struct known_finding *finding, const struct look *look)
{
	vec_for_each (wait, &finding->waits) {
		struct look_thread key = {.pid = wait->pid, .tid = wait->tid};
		const struct look_thread *thread =
			bsearch(&key, look->threads, look->count, sizeof(key), compare);
		char state = thread ? look_thread__state(thread) : 'X';

		if (state == 'X' || state == 'Z' || thread->start_ns != wait->start_ns)
			return DISSOLVED_EXIT;
		if (!wait->polls &&
			(thread->args[0] != wait->argument || (state != 'S' && state != 'D')))
			return DISSOLVED_WAKE;
	}
	return DISSOLVED_NOT;
}

void known__remove(struct known_findings *known, size_t index)
{
	vec_free(&known->list.data[index].waits);
	known->list.data[index] = known->list.data[--known->list.size];
}

void known__free(struct known_findings *known)
{
	while (known->list.size)
		known__remove(known, 0);
	vec_free(&known->list);
}
