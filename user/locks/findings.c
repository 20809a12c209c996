/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/findings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int findings__judge(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct lock_findings *out)
{
	int rc;

	*out = (struct lock_findings){.snapshot = snapshot};
	rc = waits__find(snapshot, memory, &out->waits);
	if (rc)
		return rc;
	rc = graph__build(&out->waits, &out->graph);
	if (rc)
		goto out;
	out->confirmed = calloc(out->graph.cycle_count + 1, sizeof(*out->confirmed));
	out->dead_confirmed = calloc(out->waits.size + 1, sizeof(*out->dead_confirmed));
	if (!out->confirmed || !out->dead_confirmed)
		rc = -ENOMEM;
out:
	if (rc)
		findings__free(out);
	return rc;
}

void findings__free(struct lock_findings *findings)
{
	graph__free(&findings->graph);
	waits__free(&findings->waits);
	free(findings->confirmed);
	free(findings->dead_confirmed);
	*findings = (struct lock_findings){0};
}

/* The wait of the same thread for the same word in another look, or NULL. */
static const struct lock_wait *find_again(
	const struct lock_findings *findings, const struct lock_wait *wait)
{
	const struct lock_thread *thread =
		snapshot__find(findings->snapshot, wait->thread->pid, wait->thread->tid);
	const struct lock_wait *other = thread ? waits__of(&findings->waits, thread) : NULL;

	if (!other || thread->start_ns != wait->thread->start_ns ||
		other->futex.uaddr != wait->futex.uaddr)
		return NULL;
	return other;
}

static bool was_confirmed(
	const struct lock_findings *before, const struct wait_graph *graph, size_t cycle)
{
	uint64_t identity = graph__cycle_identity(graph, cycle);

	for (size_t i = 0; i < before->graph.cycle_count; i++)
		if (before->confirmed[i] && graph__cycle_identity(&before->graph, i) == identity)
			return true;
	return false;
}

void findings__confirm(
	struct lock_findings *now, const struct lock_findings *before, bool before_counts)
{
	now->settled = true;
	now->deadlocks = 0;
	for (size_t i = 0; i < now->graph.cycle_count; i++) {
		bool never_ran;

		if (!graph__cycle_persists(&now->graph, i, &before->graph, &never_ran))
			continue;
		if (before_counts && !was_confirmed(before, &now->graph, i))
			continue;
		now->confirmed[i] = true;
		now->settled &= never_ran;
		now->deadlocks += verdict__is_deadlock(now->graph.cycles[i].verdict);
	}
	for (size_t i = 0; i < now->waits.size; i++) {
		const struct lock_wait *wait = &now->waits.data[i];
		const struct lock_wait *earlier =
			wait->owner_dead ? find_again(before, wait) : NULL;

		now->dead_confirmed[i] = earlier && earlier->owner_dead &&
					 earlier->owner_number == wait->owner_number;
	}
}

bool findings__need_confirmation(const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->waits.size; i++)
		if (findings->waits.data[i].owner_dead)
			return true;
	return findings->graph.cycle_count > 0;
}

enum verdict findings__verdict(const struct lock_findings *findings, size_t index)
{
	const struct wait_fate *fate = &findings->graph.fates[index];

	switch (fate->verdict) {
	case VERDICT_DEADLOCK:
	case VERDICT_SELF_DEADLOCK:
	case VERDICT_TIMED_CYCLE:
		/* A cycle that was gone on the second look: its threads run. */
		return findings->confirmed[fate->cycle] ? fate->verdict : VERDICT_OWNER_BUSY;
	case VERDICT_OWNER_DEAD:
		/* The one that found the owner dead may be further down the chain. */
		while (findings->graph.edges[index] != SIZE_MAX)
			index = findings->graph.edges[index];
		return findings->dead_confirmed[index] ? fate->verdict : VERDICT_OWNER_UNKNOWN;
	default:
		return fate->verdict;
	}
}

bool findings__leads_to(
	const struct lock_findings *findings, size_t index, size_t cycle, bool in_cycle)
{
	const struct wait_fate *fate = &findings->graph.fates[index];

	return fate->verdict >= VERDICT_DEADLOCK && fate->verdict <= VERDICT_TIMED_CYCLE &&
	       fate->cycle == cycle && fate->in_cycle == in_cycle;
}

size_t findings__missing_owners(const struct lock_findings *findings, pid_t *pids, size_t limit)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->waits.size && count < limit; i++) {
		const struct lock_thread *owner = findings->waits.data[i].owner;
		bool listed = !owner || snapshot__process(findings->snapshot, owner->pid);

		for (size_t n = 0; n < count && !listed; n++)
			listed = pids[n] == owner->pid;
		if (!listed)
			pids[count++] = owner->pid;
	}
	return count;
}

void findings__headline(const struct lock_findings *findings, size_t cycle, char *out, size_t size)
{
	const struct wait_cycle *of = &findings->graph.cycles[cycle];
	const struct lock_wait *wait = &findings->waits.data[findings->graph.members[of->first]];
	const struct lock_thread *thread = wait->thread;

	if (of->count == 1)
		snprintf(out, size, "%s: %s (PID %d, TID %d) waits for itself, on %s",
			verdict__name(of->verdict), thread->comm, thread->pid, thread->tid,
			wait->name[0] ? wait->name : wait_kind__name(wait->kind));
	else
		snprintf(out, size, "%s: %zu threads wait for each other, %s (PID %d, TID %d)...",
			verdict__name(of->verdict), of->count, thread->comm, thread->pid,
			thread->tid);
}
