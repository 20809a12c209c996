/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/findings.h"

#include <errno.h>
#include <stdlib.h>

#include "locks/idle.h"

int findings__judge(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct lock_findings *out)
{
	int err;

	*out = (struct lock_findings){.snapshot = snapshot};
	err = waits__find(snapshot, memory, &out->waits);
	if (err)
		return err;
	err = graph__build(&out->waits, &out->graph);
	if (err)
		goto out;
	out->confirmed = calloc(out->graph.cycle_count + 1, sizeof(*out->confirmed));
	out->end_confirmed = calloc(out->waits.size + 1, sizeof(*out->end_confirmed));
	if (!out->confirmed || !out->end_confirmed || hung__find(snapshot, &out->waits, &out->hung))
		err = -ENOMEM;
out:
	if (err)
		findings__free(out);
	return err;
}

void findings__free(struct lock_findings *findings)
{
	graph__free(&findings->graph);
	waits__free(&findings->waits);
	vec_free(&findings->hung);
	free(findings->confirmed);
	free(findings->end_confirmed);
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

/* A cycle that is only suspected must have lasted so long: what healthy threads wait for each other
 * is far shorter. */
#define SUSPECTED_MIN_AGE_NS 1000000000ull

static bool is_old(const struct wait_graph *graph, size_t cycle)
{
	for (size_t n = 0; n < graph->cycles[cycle].count; n++) {
		size_t i = graph->members[graph->cycles[cycle].first + n];

		/* An age that is not known is the greatest. */
		if (graph->waits->data[i].thread->asleep_ns < SUSPECTED_MIN_AGE_NS)
			return false;
	}
	return true;
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

/* A thread that has been woken and has not run yet: the lock is free, and about to be taken. */
static bool is_on_the_way(const struct lock_findings *findings, const struct lock_wait *wait)
{
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(findings->snapshot, wait->thread->pid, &count);

	for (size_t i = 0; i < count; i++)
		if (threads[i].state == 'R' && threads[i].args[0] == wait->futex.uaddr)
			return true;
	return false;
}

/* Whether @thread could run and did not between the looks: where there is no stack it is on a CPU,
 * unless its process was not looked at. */
static bool is_starved(const struct lock_thread *thread, const struct lock_findings *before)
{
	const struct lock_thread *earlier =
		snapshot__find(before->snapshot, thread->pid, thread->tid);
	bool stopped = thread->state == 'T' || thread->state == 't';

	if (!stopped &&
		(thread->state != 'R' ||
			(!thread->frame_count && snapshot__process(before->snapshot, thread->pid))))
		return false;
	return earlier && earlier->start_ns == thread->start_ns &&
	       earlier->switches == thread->switches;
}

/*
 * Who lets a lock go writes the word first and wakes then; between the two it may lose its CPU, for
 * longer than two looks lie apart where many want one, or be stopped.
 */
static bool may_wake_soon(const struct lock_findings *now, const struct lock_findings *before,
	const struct lock_wait *wait)
{
	const struct snapshot *snapshot = now->snapshot;

	for (size_t i = 0; i < snapshot->thread_count; i++)
		if ((wait->shared || snapshot->threads[i].pid == wait->thread->pid) &&
			is_starved(&snapshot->threads[i], before))
			return true;
	return false;
}

/* Whether @wait, of the verdict @end, was so before. */
static bool end_persists(const struct lock_findings *now, const struct lock_findings *before,
	const struct lock_wait *wait, enum verdict end)
{
	const struct lock_wait *earlier = find_again(before, wait);

	if (!earlier)
		return false;
	if (end == VERDICT_LOST)
		return earlier->state.field == OWNER_FREE &&
		       earlier->thread->switches == wait->thread->switches &&
		       !is_on_the_way(now, wait) && !is_on_the_way(before, earlier) &&
		       !may_wake_soon(now, before, wait);
	return earlier->owner_dead == wait->owner_dead && earlier->forked == wait->forked &&
	       earlier->owner_number == wait->owner_number;
}

static bool is_end(enum verdict verdict)
{
	return verdict == VERDICT_OWNER_DEAD || verdict == VERDICT_FORKED ||
	       verdict == VERDICT_LOST;
}

/* On two looks it was not on its way. */
static void explain_lost(struct lock_wait *wait)
{
	wait__explain(wait,
		"free, and yet TID %d waits: its wake-up was lost, or the lock was destroyed or "
		"reinitialized",
		wait->thread->tid);
}

static void confirm_ends(struct lock_findings *now, const struct lock_findings *before)
{
	for (size_t i = 0; i < now->waits.size; i++) {
		enum verdict end = now->graph.fates[i].verdict;

		if (!is_end(end) || now->graph.edges[i] != SIZE_MAX)
			continue;
		now->end_confirmed[i] = end_persists(now, before, &now->waits.data[i], end);
		now->hangs += findings__hangs_alone(now, i);
		if (now->end_confirmed[i] && end == VERDICT_LOST)
			explain_lost(&now->waits.data[i]);
	}
}

static void confirm_hung(struct lock_findings *now, const struct lock_findings *before)
{
	vec_for_each (hung, &now->hung) {
		vec_for_each (earlier, &before->hung)
			hung->confirmed |= hung__persists(hung, earlier, &now->waits);
		now->hangs += findings__hung(now, hung->process->pid) != NULL;
	}
}

static bool has_gil(const struct wait_graph *graph, size_t cycle)
{
	for (size_t n = 0; n < graph->cycles[cycle].count; n++) {
		size_t i = graph->members[graph->cycles[cycle].first + n];

		if (graph->waits->data[i].kind == WAIT_GIL)
			return true;
	}
	return false;
}

/*
 * Who waits for the GIL wakes every 5 ms, and may be found awake, more so on a busy machine. Then a
 * lock that it has seems to be held by a thread that runs.
 */
static bool may_want_gil(const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->waits.size; i++) {
		const struct lock_wait *wait = &findings->waits.data[i];

		if (wait->owner && wait->thread->is_python && wait->kind != WAIT_GIL &&
			!wait->futex.timed && wait->owner->is_python && wait->owner->state == 'R' &&
			!waits__of(&findings->waits, wait->owner))
			return true;
	}
	return false;
}

void findings__confirm(
	struct lock_findings *now, const struct lock_findings *before, bool before_counts)
{
	now->settled = true;
	now->deadlocks = 0;
	for (size_t i = 0; i < now->graph.cycle_count; i++) {
		bool never_ran;

		if (!graph__cycle_persists(&now->graph, i, &before->graph, &never_ran)) {
			now->settled &= !has_gil(&now->graph, i);
			continue;
		}
		if (now->graph.cycles[i].certainty == CERTAINTY_SUSPECTED &&
			!(never_ran && is_old(&now->graph, i)))
			continue;
		if (before_counts && !has_gil(&now->graph, i) &&
			!was_confirmed(before, &now->graph, i))
			continue;
		now->confirmed[i] = true;
		now->settled &= never_ran;
		now->deadlocks += verdict__is_deadlock(now->graph.cycles[i].verdict);
	}
	now->hangs = 0;
	confirm_ends(now, before);
	confirm_hung(now, before);
	now->settled &= now->deadlocks || !may_want_gil(now);
}

bool findings__need_confirmation(const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->waits.size; i++)
		if (is_end(findings->graph.fates[i].verdict))
			return true;
	return findings->graph.cycle_count > 0 || findings->hung.size > 0 || may_want_gil(findings);
}

bool findings__hangs_alone(const struct lock_findings *findings, size_t index)
{
	return findings->end_confirmed[index] && !findings->waits.data[index].futex.timed;
}

static bool has_deadlock(const struct lock_findings *findings, pid_t pid)
{
	for (size_t i = 0; i < findings->graph.cycle_count; i++) {
		const struct wait_cycle *cycle = &findings->graph.cycles[i];
		size_t member = findings->graph.members[cycle->first];

		if (findings->confirmed[i] && verdict__is_deadlock(cycle->verdict) &&
			findings->waits.data[member].thread->pid == pid)
			return true;
	}
	return false;
}

/* Whether the fork alone explains why nothing in the process goes on. */
static bool has_forked(const struct lock_findings *findings, pid_t pid)
{
	for (size_t i = 0; i < findings->waits.size; i++)
		if (findings->waits.data[i].thread->pid == pid &&
			findings->graph.fates[i].verdict == VERDICT_FORKED &&
			findings__hangs_alone(findings, i))
			return true;
	return false;
}

/* Of several verdicts on a process the one that names a cause: DEADLOCK and FORKED win over HUNG.
 */
const struct hung_process *findings__hung(const struct lock_findings *findings, pid_t pid)
{
	vec_for_each (hung, &findings->hung)
		if (hung->confirmed && hung->process->pid == pid)
			return has_deadlock(findings, pid) || has_forked(findings, pid) ? NULL
											: hung;
	return NULL;
}

/* The verdict where nothing is known of who could end the wait: it depends on the others. */
static enum verdict judge_unknown(
	const struct lock_findings *findings, size_t index, enum verdict verdict)
{
	pid_t pid = findings->waits.data[index].thread->pid;

	return findings__hung(findings, pid) ? VERDICT_HUNG : verdict;
}

enum verdict findings__verdict(const struct lock_findings *findings, size_t index)
{
	const struct wait_fate *fate = &findings->graph.fates[index];
	size_t end = index;

	switch (fate->verdict) {
	case VERDICT_DEADLOCK:
	case VERDICT_SELF_DEADLOCK:
	case VERDICT_TIMED_CYCLE:
		if (findings->confirmed[fate->cycle])
			return fate->verdict;
		if (findings->graph.cycles[fate->cycle].certainty == CERTAINTY_SUSPECTED)
			return judge_unknown(findings, index, VERDICT_OWNER_UNKNOWN);
		/* A cycle that was gone on the second look: its threads run. */
		return VERDICT_OWNER_BUSY;
	case VERDICT_OWNER_DEAD:
	case VERDICT_FORKED:
	case VERDICT_LOST:
		/* The one that found it so may be further down the chain. */
		while (findings->graph.edges[end] != SIZE_MAX)
			end = findings->graph.edges[end];
		if (findings->end_confirmed[end])
			return fate->verdict;
		return judge_unknown(findings, index, VERDICT_OWNER_UNKNOWN);
	case VERDICT_STALL:
		return judge_unknown(findings, index,
			idle__runtime(findings->waits.data[index].thread) ? VERDICT_IDLE
									  : VERDICT_STALL);
	case VERDICT_OWNER_UNKNOWN:
		return judge_unknown(findings, index, fate->verdict);
	default:
		return fate->verdict;
	}
}

const char *findings__user_threads(const struct lock_findings *findings, pid_t pid)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(findings->snapshot, pid, &count);
	const char *what = NULL;

	for (size_t i = 0; i < count && !what; i++)
		what = idle__user_threads(&threads[i]);
	return what;
}

bool findings__all_end(const struct lock_findings *findings)
{
	for (size_t i = 0; i < findings->snapshot->process_count; i++)
		if (findings__user_threads(findings, findings->snapshot->processes[i].pid))
			return false;
	for (size_t i = 0; i < findings->waits.size; i++) {
		enum verdict verdict = findings__verdict(findings, i);

		if (verdict != VERDICT_OWNER_BUSY && verdict != VERDICT_TIMED_CYCLE &&
			!findings->waits.data[i].futex.timed)
			return false;
	}
	return true;
}

bool findings__leads_to(
	const struct lock_findings *findings, size_t index, size_t cycle, bool in_cycle)
{
	const struct wait_fate *fate = &findings->graph.fates[index];

	return fate->verdict >= VERDICT_DEADLOCK && fate->verdict <= VERDICT_TIMED_CYCLE &&
	       fate->cycle == cycle && fate->in_cycle == in_cycle;
}

/* Notes @pid unless it was looked at or is noted already. */
static size_t add_missing(
	const struct lock_findings *findings, pid_t pid, pid_t *pids, size_t count, size_t limit)
{
	bool listed = count == limit || snapshot__process(findings->snapshot, pid);

	for (size_t n = 0; n < count && !listed; n++)
		listed = pids[n] == pid;
	if (!listed)
		pids[count++] = pid;
	return count;
}

size_t findings__missing_owners(const struct lock_findings *findings, pid_t *pids, size_t limit)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->waits.size; i++)
		if (findings->waits.data[i].owner)
			count = add_missing(
				findings, findings->waits.data[i].owner->pid, pids, count, limit);
	vec_for_each (pid, &findings->waits.processes)
		count = add_missing(findings, *pid, pids, count, limit);
	return count;
}
