/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/forked.h"

#include <stdio.h>

#include "locks/hung.h"

static const struct lock_thread *find_in_parent(
	const struct snapshot *snapshot, pid_t parent, pid_t number)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, parent, &count);

	for (size_t i = 0; i < count; i++)
		if (threads[i].ns_tid == number)
			return &threads[i];
	return NULL;
}

/* The lock names a thread that is not of this process. Numbers grow: one that is lower than the
 * child's own was given before the child was. */
static void mark_named(
	const struct snapshot *snapshot, const struct lock_process *process, struct lock_wait *wait)
{
	pid_t number = wait->owner_number;
	const struct lock_thread *owner = find_in_parent(snapshot, process->parent, number);

	if (!owner && number > wait->thread->ns_pid)
		return; /* a thread of this process, which has ended */
	wait->forked = true;
	if (!process->parent)
		wait__explain(wait,
			"forked from a process that has exited, whose TID %d held it; that thread "
			"was not copied",
			number);
	else if (owner && owner->tid == owner->pid)
		wait__explain(wait,
			"forked from PID %d while TID %d there, its first thread, held it; no "
			"thread here has that number",
			process->parent, number);
	else
		wait__explain(wait,
			"forked from PID %d while TID %d there held it; that thread was not copied",
			process->parent, number);
}

bool forked__left_threads(const struct lock_process *process)
{
	return process && process->forked && (process->parent_threads > 1 || process->was_threaded);
}

/* "forked from PID 7 while another thread of its 3 held it; that thread was not copied". */
static void explain_nameless(const struct lock_process *process, struct lock_wait *wait)
{
	char parent[48] = "a process that has exited", threads[48] = "";

	if (process->parent)
		snprintf(parent, sizeof(parent), "PID %d", process->parent);
	if (wait_kind__has_holder(wait->kind)) {
		if (process->parent_threads > 1)
			snprintf(threads, sizeof(threads), " of its %zu", process->parent_threads);
		wait__explain(wait,
			"forked from %s while another thread%s held it; that thread was not "
			"copied",
			parent, threads);
	} else {
		if (process->parent_threads > 1)
			snprintf(threads, sizeof(threads), "has %zu threads",
				process->parent_threads);
		wait__explain(wait,
			"forked from %s, which %s: none that could signal it was copied", parent,
			*threads ? threads : "had other threads");
	}
}

/* The lock names nobody, or the thing is nobody's; the only thread there is waits for it. */
static void mark_nameless(const struct snapshot *snapshot, const struct lock_process *process,
	struct lock_waits *waits, struct lock_wait *wait)
{
	size_t count;

	snapshot__threads_of(snapshot, process->pid, &count);
	if (count != 1 || !forked__left_threads(process) ||
		(wait->state.field != OWNER_NONE && wait->state.field != OWNER_READERS) ||
		!hung__is_closed(snapshot, waits, process->pid))
		return;
	wait->forked = true;
	wait->certainty = CERTAINTY_INFERRED;
	explain_nameless(process, wait);
}

void forked__mark(const struct snapshot *snapshot, struct lock_waits *waits)
{
	for (size_t i = 0; i < waits->size; i++) {
		struct lock_wait *wait = &waits->data[i];
		const struct lock_process *process = snapshot__process(snapshot, wait->thread->pid);

		if (!process || !process->forked || wait->shared || wait->owner ||
			wait->kind == WAIT_JOIN)
			continue;
		if (wait->owner_dead && wait->owner_number)
			mark_named(snapshot, process, wait);
		else if (!wait->owner_dead)
			mark_nameless(snapshot, process, waits, wait);
	}
}
