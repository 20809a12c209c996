/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace -p: makes the processes that were named, and with -f their descendants, targets. */
#ifndef MEMTRACE_CMD_TRACE_TARGETS_H
#define MEMTRACE_CMD_TRACE_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "attach/tracer.h"
#include "process/process.h"
#include "stream/feed.h"
#include "stream/stream.h"

/* Where a target becomes known. All stay the caller's. */
struct trace_targets {
	struct tracer *tracer;
	struct stream *stream;
	struct feed *feed;
};

/*
 * Makes @pid, named @comm, a target; with @awaits_exec as tracer__add has it. Returns 0, or a
 * negative errno with @error set.
 */
int trace_targets__add(const struct trace_targets *targets, pid_t pid, const char *comm,
	bool awaits_exec, struct error *error);

/*
 * Attaches to the processes, and with @follow to the children that they have, and to theirs. One
 * of @processes that cannot be traced is an error; a child that cannot is left out with a warning.
 * Returns 0, or a negative errno with @error set.
 */
int trace_targets__attach(const struct trace_targets *targets, const struct process_info *processes,
	size_t count, bool follow, struct error *error);

#endif
