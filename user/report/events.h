/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * -F ndjson: a recording's events, a JSON object a line, in the order of the recording. Times are
 * ns since the run's start.
 *
 *	{"event":"alloc"|"alloc_failed", time_ns, process, tid, function, address, size, stack}
 *	{"event":"free"|"realloc_begin", time_ns, process, tid, function, address}
 *	{"event":"realloc", outcome, address, size, stack, old_address, ...}
 *	{"event":"mapping", function, address, length, old_address, old_length, ...}
 *	{"event":"fork"|"exec"|"exit", process, pid, parent, status, command, ...}
 *	{"event":"thread_exit", ...}
 *	{"event":"process", process, pid, command}	is traced from here on
 *	{"event":"module", module, path, build_id}	`module` is a number
 *	{"event":"stack", stack, process, end, frames[{module, offset, address}]}
 *	{"event":"name", module, offset, frames[{function, file, line, inlined}]}
 *	{"event":"end", duration_ns, lost, missing}
 * A stack comes before the first event that has it, names come at the end.
 * `stack` is a hash, unique in its process and those forked from it, written as text.
 */
#ifndef MEMTRACE_REPORT_EVENTS_H
#define MEMTRACE_REPORT_EVENTS_H

#include <stdint.h>

#include "base/error.h"

/*
 * Lists the events of the recording at @path between two times (0: no limit) in the file
 * @output_path; NULL: stdout. Returns 0, or a negative errno with @error set.
 */
int events__write(const char *path, const char *output_path, uint64_t from_ns, uint64_t to_ns,
	struct error *error);

#endif
