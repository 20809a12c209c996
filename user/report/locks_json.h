/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Waits and deadlocks as JSON. Keys that stay: `waits[]` with pid, tid, ns_tid, comm, kind, uaddr,
 * lock{address,name,shared}, timed, age_ns, owner{tid,certainty}, stack[]; `deadlocks[]` with
 * verdict and cycle[] of {tid,waits_for,held_by}. What is not known is absent.
 */
#ifndef MEMTRACE_REPORT_LOCKS_JSON_H
#define MEMTRACE_REPORT_LOCKS_JSON_H

#include "locks/finding.h"
#include "report/json_writer.h"

/* What the document says of the look itself. */
struct locks_json_head {
	size_t looks;
	uint64_t took_ns;
	bool used_proc;
	uint64_t watch_seen; /* waits that the watch saw so far; 0: no watch */
	const char *event;   /* "deadlock", "dissolved": an object of the watch's stream; NULL */
};

/* The keys `waits`, `deadlocks`, `convoys`, into an object that the caller has begun. */
void locks_json__put(struct json_writer *json, const struct lock_findings *findings);

/* The same where nobody waited, or nobody could look: empty, not absent. */
void locks_json__put_none(struct json_writer *json);

/* The same of one finding alone, with those that wait behind it: what the watch says when it forms.
 */
void locks_json__put_finding(struct json_writer *json, const struct lock_findings *findings,
	const struct finding *finding);

/* A whole document. @compact: on one line. */
void locks_json__write(FILE *file, const struct lock_findings *findings,
	const struct locks_json_head *head, bool compact);

#endif
