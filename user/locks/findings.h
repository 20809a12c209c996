/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a look says in the end: waits, their graph, and which of it held up on a second look. The
 * reports read this.
 */
#ifndef MEMTRACE_LOCKS_FINDINGS_H
#define MEMTRACE_LOCKS_FINDINGS_H

#include "locks/graph.h"
#include "locks/hung.h"

struct lock_findings {
	const struct snapshot *snapshot;
	struct lock_waits waits;
	struct wait_graph graph;
	hung_processes hung;
	bool *confirmed;     /* of each cycle: seen on an earlier look too */
	bool *end_confirmed; /* of each wait whose owner is dead, was not copied, or is nobody */
	bool settled; /* nothing that was confirmed has run in between: more looks add nothing */
	size_t deadlocks; /* confirmed cycles without a timeout */
	size_t hangs; /* confirmed otherwise: waits for whom is dead or was not copied, or that are
			 LOST; hung processes */
};

/* Judges a snapshot, nothing confirmed yet. 0 or -ENOMEM; findings__free. @snapshot stays. */
int findings__judge(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct lock_findings *out);
void findings__free(struct lock_findings *findings);

/*
 * Confirms what @before, from a look at least 50 ms earlier, shows as well. With @before_counts
 * only what was confirmed there counts: for a third look and further ones.
 */
void findings__confirm(
	struct lock_findings *now, const struct lock_findings *before, bool before_counts);

/* Whether there is anything that a second look could confirm. */
bool findings__need_confirmation(const struct lock_findings *findings);

/* The verdict on wait @index; what was not confirmed is not reported. */
enum verdict findings__verdict(const struct lock_findings *findings, size_t index);

/* The confirmed hung process with that PID, or NULL: also where a deadlock in it, or a lock whose
 * owner the fork did not copy, says more. */
const struct hung_process *findings__hung(const struct lock_findings *findings, pid_t pid);

/* Whether wait @index, which leads to no other, is confirmed never to end: OWNER DEAD, FORKED
 * or LOST. */
bool findings__hangs_alone(const struct lock_findings *findings, size_t index);

/*
 * Whether it is certain that every wait comes to an end: none without a timeout that depends on
 * what is not known, or on what nobody seems to do; and no process has threads that are not seen.
 */
bool findings__all_end(const struct lock_findings *findings);

/* What the process @pid schedules by itself, which no look at threads sees: idle.h. NULL: nothing.
 */
const char *findings__user_threads(const struct lock_findings *findings, pid_t pid);

/* Whether wait @index waits behind cycle @cycle, or is in it (@in_cycle). */
bool findings__leads_to(
	const struct lock_findings *findings, size_t index, size_t cycle, bool in_cycle);

/*
 * Processes of owners that snapshot->processes does not have: to be looked at as well, as a lock in
 * shared memory, on a file, or a pipe ties processes together. Writes at most @limit PIDs, returns
 * how many.
 */
size_t findings__missing_owners(const struct lock_findings *findings, pid_t *pids, size_t limit);

#endif
