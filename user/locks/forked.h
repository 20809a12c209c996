/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a fork leaves behind in the child of a process with several threads: fork(2) copies only the
 * thread that calls it, and every lock that another one held then stays locked forever.
 */
#ifndef MEMTRACE_LOCKS_FORKED_H
#define MEMTRACE_LOCKS_FORKED_H

#include "locks/waits.h"

/* Whether threads may have been left behind where @process, which may be NULL, was forked. */
bool forked__left_threads(const struct lock_process *process);

/* Sets `forked` and the reason of the waits in which this is so; to be called last. */
void forked__mark(const struct snapshot *snapshot, struct lock_waits *waits);

#endif
