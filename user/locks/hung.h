/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Processes that nothing inside can wake: each thread sleeps in a futex call without a timeout, on
 * words that no other process maps. Who has which lock need not be known for that. Seen on two
 * looks between which no thread ran, there was a moment at which all of them slept.
 */
#ifndef MEMTRACE_LOCKS_HUNG_H
#define MEMTRACE_LOCKS_HUNG_H

#include "base/vec.h"
#include "locks/waits.h"

struct hung_process {
	const struct lock_process *process; /* its `handled` could still wake it, from outside */
	const struct lock_thread *threads;
	size_t count;	/* of threads; those that have ended except for their name are among them */
	size_t waiting; /* of these, all that have not ended, but for those that are ... */
	size_t apart;	/* ... idle threads of a runtime, which wake nobody: idle__is_apart */
	/* A thread waits for what the handler of a signal may well give: sem_post(3) is safe in
	 * one, and Python runs its handlers when a signal interrupts a wait for its locks. So
	 * services wait for the signal that ends them. */
	bool awaits_signal;
	bool confirmed;
};

typedef VEC(struct hung_process) hung_processes;

/* Whether every thread of the process sleeps for good unless something from outside wakes it. */
bool hung__is_closed(const struct snapshot *snapshot, const struct lock_waits *waits, pid_t pid);

/* Whether @thread is in pause(2) or its kind, which end when a signal's handler has run, and never
 * where there is none. */
bool hung__waits_for_signal(const struct lock_thread *thread);

/* Lists the processes of @snapshot that are so, unconfirmed. 0 or -ENOMEM; vec_free. */
int hung__find(
	const struct snapshot *snapshot, const struct lock_waits *waits, hung_processes *out);

/* Whether @now, of a later look with those @waits, is @before, and none of its threads but those
 * apart has run in between. */
bool hung__persists(const struct hung_process *now, const struct hung_process *before,
	const struct lock_waits *waits);

#endif
