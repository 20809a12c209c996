/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/owner.h"

static bool is_number_of(const struct lock_thread *thread, const struct lock_wait *wait)
{
	return thread->ns_tid == (pid_t)wait->state.owner && thread->state != 'X' &&
	       thread->state != 'Z';
}

static const struct lock_thread *find_in_process(
	const struct snapshot *snapshot, const struct lock_wait *wait)
{
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(snapshot, wait->thread->pid, &count);

	/* Without pid namespaces, numbers are the same and the table is sorted by them. */
	if (wait->thread->ns_tid == wait->thread->tid)
		return snapshot__find(snapshot, wait->thread->pid, wait->state.owner);
	for (size_t i = 0; i < count; i++)
		if (is_number_of(&threads[i], wait))
			return &threads[i];
	return NULL;
}

/* Any process that maps the memory: those of the waiter's namespace number alike. */
static const struct lock_thread *find_anywhere(
	const struct snapshot *snapshot, const struct lock_wait *wait)
{
	for (size_t i = 0; i < snapshot->thread_count; i++) {
		const struct lock_thread *thread = &snapshot->threads[i];

		if (thread->pid_namespace == wait->thread->pid_namespace &&
			is_number_of(thread, wait))
			return thread;
	}
	return NULL;
}

/*
 * Whether the holder of a shared lock can be one that we do not see, or one that is numbered
 * otherwise: a thread of that number in another namespace may be it, or not.
 */
static bool may_be_elsewhere(const struct snapshot *snapshot, const struct lock_wait *wait)
{
	if (!snapshot->complete)
		return true;
	for (size_t i = 0; i < snapshot->thread_count; i++)
		if (is_number_of(&snapshot->threads[i], wait))
			return true;
	return false;
}

static void resolve_number(const struct snapshot *snapshot, struct lock_wait *wait)
{
	wait->owner_number = wait->state.owner;
	wait->owner = find_in_process(snapshot, wait);
	if (wait->owner && !is_number_of(wait->owner, wait))
		wait->owner = NULL;
	if (!wait->owner && wait->shared)
		wait->owner = find_anywhere(snapshot, wait);
	if (!wait->owner && wait->shared && may_be_elsewhere(snapshot, wait)) {
		wait__explain(wait,
			"its owner field says %u, in the PID namespace of an unknown process",
			wait->state.owner);
		return;
	}
	wait->certainty = CERTAINTY_EXACT;
	if (wait->owner)
		return;
	wait->owner_dead = true;
	wait__explain(wait, "its owner field says %u, %s", wait->state.owner,
		wait->shared ? "which is not a live thread"
			     : "which is not a live thread of this process");
}

void owner__resolve(const struct snapshot *snapshot, struct lock_wait *wait)
{
	switch (wait->state.field) {
	case OWNER_TID:
		resolve_number(snapshot, wait);
		if (wait->parked && wait->owner)
			wait__explain(wait, "the kernel refused the lock (EDEADLK): the C library "
					    "parks the thread forever");
		break;
	case OWNER_DIED:
		wait->owner_dead = true;
		wait->certainty = CERTAINTY_EXACT;
		wait__explain(wait, "the kernel marked that its owner died");
		break;
	case OWNER_GARBAGE:
		wait__explain(wait, "its owner field holds no TID: the lock is corrupt");
		break;
	case OWNER_FREE:
		wait__explain(wait,
			"free, and yet TID %d waits: its wake-up is on the way or was lost, "
			"or the lock was destroyed or reinitialized",
			wait->thread->tid);
		break;
	case OWNER_READERS:
		wait__explain(wait, "%u %s: the lock does not record which", wait->state.readers,
			wait->state.readers == 1 ? "reader holds it" : "readers hold it");
		break;
	case OWNER_WRITER_WAITS:
	case OWNER_NONE:
		break;
	}
}
