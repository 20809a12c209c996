/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Deadlocks of the processes that are traced: a look when tracing begins, one now and then while
 * it goes on, and a last one for the report.
 */
#ifndef MEMTRACE_CMD_TRACE_LOCKS_H
#define MEMTRACE_CMD_TRACE_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "heap/heap.h"
#include "report/json_writer.h"
#include "report/model.h"

/* How often the processes are looked at while they are traced. */
#define TRACE_LOCKS_INTERVAL_NS 1000000000ull

struct trace_locks;

/* NULL: no memory. Where no look can be made, tracing goes on without. */
struct trace_locks *trace_locks__new(void);
void trace_locks__free(struct trace_locks *locks);

/*
 * Looks at those of the processes whose waits have changed. A deadlock is reported on stderr when
 * it is first found. @final: at all of them, so that the report has every wait.
 */
void trace_locks__look(struct trace_locks *locks, const pid_t *pids, size_t count, bool final);

/*
 * Names the locks that lie in heap blocks: "heap block of 40 bytes", with the stack that allocated
 * it, whose frames @name names. Only where one process was looked at, as the model does not tell
 * blocks of several processes apart. @locks may be NULL.
 */
void trace_locks__name_blocks(
	struct trace_locks *locks, const struct heap *heap, report_name_fn *name, void *context);

/* Whether a deadlock has been found; @locks may be NULL. */
bool trace_locks__found(const struct trace_locks *locks);

/* The keys `deadlocks`, `waits`... of report/locks_json.h; @locks may be NULL. A json_more_fn. */
void trace_locks__write_json(struct json_writer *json, const void *locks);

/* The wait-for graph, for Graphviz; an empty one without @locks. */
void trace_locks__write_dot(const struct trace_locks *locks, FILE *file);

/* The deadlocks, for a person; nothing if there are none. */
void trace_locks__write_text(const struct trace_locks *locks, bool full_stacks, FILE *file);

#endif
