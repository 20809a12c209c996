/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The look at locks, whole: two looks apart in time, stacks, owners, verdicts. What `memtrace
 * locks` and `watch` print, and what the tracer adds to its own report.
 *
 *	struct locks_look look;
 *	rc = locks__look_at(&options, &look, &err);
 *	...look.findings, see locks/findings.h; report/locks_json.h makes `waits` and `deadlocks`
 *	locks_look__free(&look);
 */
#ifndef MEMTRACE_BLOCKED_LOCKS_LOOK_H
#define MEMTRACE_BLOCKED_LOCKS_LOOK_H

#include "blocked/blocked.h"
#include "blocked/look.h"
#include "locks/findings.h"

/* Two looks that are to confirm each other are at least so far apart. */
#define LOCKS_LOOK_APART_NS 60000000ull

struct locks_look_options {
	const pid_t *pids; /* processes to look at; processes that own their locks are added */
	size_t pid_count;
	bool all;		  /* every process that has a thread blocked on a futex */
	bool proc_only;		  /* not by BPF */
	bool once;		  /* one look: its deadlocks are not confirmed by another */
	enum subject_lines lines; /* for the frames */
	bool samples;		  /* stacks of threads that run and that others wait for */
	/* Kept by the caller over many looks; NULL: made for this one. */
	struct looker *looker;
	struct subjects *subjects;
	const struct look *first; /* a look made already, to serve as the first; may be NULL */
};

struct locks_look {
	struct lock_findings findings;
	struct blocked blocked; /* the snapshot that the findings are about */
	size_t looks;		/* passes over the threads */
	uint64_t took_ns;
	bool used_proc;
	struct looker *own_looker; /* private */
	struct subjects *own_subjects;
};

/*
 * Looks. 0 or a negative errno; -ESRCH where none of the processes is there, -EPERM where none may
 * be looked at. The caller calls locks_look__free.
 */
int locks__look_at(
	const struct locks_look_options *options, struct locks_look *out, struct error *error);
void locks_look__free(struct locks_look *look);

#endif
