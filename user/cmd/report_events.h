/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * -F ndjson: a recording's events, a JSON object a line, in the order of the recording. Times are
 *ns since the run's start.
 *
 *	{"event":"alloc"|"alloc_failed", time_ns, process, tid, function, address, size, stack}
 *	{"event":"free"|"realloc_begin", time_ns, process, tid, function, address}
 *	{"event":"realloc", outcome, address, size, stack, old_address, ...}
 *	{"event":"mapping", function, address, length, old_address, old_length, ...}
 *	{"event":"fork"|"exec"|"exit", process, pid, parent, status, command, ...}
 *	{"event":"thread_exit", ...}
 *	{"event":"process", process, pid, command}	is traced from here on
 *	{"event":"module", module, path, build_id}	`module` is a number
 *	{"event":"stack", stack, process, end, frames[{module, offset, address}]}	before its
 *use
 *	{"event":"name", module, offset, frames[{function, file, line, inlined}]}	at the end
 *	{"event":"end", duration_ns, lost, missing}
 * `stack` is a hash, unique in its process and those forked from it, written as text.
 */
#ifndef MEMTRACE_CMD_REPORT_EVENTS_H
#define MEMTRACE_CMD_REPORT_EVENTS_H

#include "base/error.h"
#include "cmd/view_options.h"

/*
 * Lists the events of the recording at @path between two times (0: no limit). Returns 0, or a
 * negative errno with @err set.
 */
int report_events__write(const char *path, const struct view_options *view, uint64_t from_ns,
	uint64_t to_ns, struct error *err);

#endif
