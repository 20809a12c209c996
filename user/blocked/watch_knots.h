/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which processes may wait for each other in the kernel: for locks on files, pipes, sockets and
 * children. The scheduler's switches tell the watch only of futex waits, and almost every idle
 * process sleeps in a read. So this asks no more than who could end each long wait, and names only
 * those processes whose waits lead round in a circle; what that means, a look judges.
 */
#ifndef MEMTRACE_BLOCKED_WATCH_KNOTS_H
#define MEMTRACE_BLOCKED_WATCH_KNOTS_H

#include "blocked/subject.h"
#include "blocked/watch_changed.h"

struct knots {
	uint64_t seen; /* the long waits of the last search, in one number */
	struct signature_map judged;
};

/*
 * Appends to @pids the processes of @look that @filter wants, that are in such a circle or wait for
 * one that is, and whose waits, all older than @threshold_ns, are others than when they were last
 * named. Returns 0 or -ENOMEM.
 */
int knots__list(struct knots *knots, const struct look *look, struct subjects *subjects,
	const struct watch_filter *filter, uint64_t threshold_ns, changed_pids *pids);

void knots__free(struct knots *knots);

#endif
