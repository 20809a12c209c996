/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace serve: looks at the threads of what is traced, every second and when somebody asks. On a
 * thread of its own; any other may ask.
 */
#ifndef MEMTRACE_CMD_SERVE_LOCKS_H
#define MEMTRACE_CMD_SERVE_LOCKS_H

#include <stdio.h>

#include "base/error.h"
#include "process/children.h"
#include "report/json_writer.h"
#include "report/metrics.h"

struct serve_locks;

/* Appends the PIDs that are to be looked at. Called on the looks' thread. 0 or -ENOMEM. */
typedef int serve_pids_fn(void *context, pid_list *out);

/* NULL, with @error set: the looks' program cannot be loaded, or no memory. */
struct serve_locks *serve_locks__start(serve_pids_fn *pids, void *context, struct error *error);
/* False: a look takes longer than @limit_ms: all must be left as it is. */
bool serve_locks__stop(struct serve_locks *locks, unsigned int limit_ms);

/* What the last look saw; nothing for @locks NULL. */
struct metrics_waits serve_locks__waits(struct serve_locks *locks);

/* Looks now, and writes the document of `memtrace locks --json`. 0, or a negative errno. */
int serve_locks__write(struct serve_locks *locks, FILE *file, struct error *error);

/* The keys `deadlocks`, `waits`... of the last look: a json_more_fn, for reports. */
void serve_locks__write_more(struct json_writer *json, const void *locks);

#endif
