/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * --leaks: which of the live blocks of the traced processes no pointer leads to. Of a process that
 * runs they are looked for while it goes on; of one that ends, in the memory that it leaves, which
 * is kept until then (process/pinned.h).
 */
#ifndef MEMTRACE_CMD_TRACE_LEAKS_H
#define MEMTRACE_CMD_TRACE_LEAKS_H

#include "attach/tracer.h"
#include "cmd/trace_options.h"
#include "report/leaks.h"
#include "report/suppressions.h"
#include "stream/feed.h"
#include "stream/stream.h"

struct trace_leaks;

/* NULL with @error set: no memory, or suppressions that cannot be read. @options are borrowed. */
struct trace_leaks *trace_leaks__new(const struct trace_options *options, struct error *error);
void trace_leaks__free(struct trace_leaks *leaks);

/* Where the live set comes from; all outlive the search, but for @stream: see trace_leaks__stop. */
void trace_leaks__use(
	struct trace_leaks *leaks, struct tracer *tracer, struct stream *stream, struct feed *feed);

/* --- of the tracer's callbacks; @leaks may be NULL */

/* @pid runs @process from now on: an image that is searched. Another one that it ran is not. */
void trace_leaks__watch(struct trace_leaks *leaks, pid_t pid, uint32_t process);
void trace_leaks__take_registers(
	struct trace_leaks *leaks, const struct event_exit_registers *registers);
/* @pid has ended: before its status is asked for, as its mappings can be read until then. */
void trace_leaks__end(struct trace_leaks *leaks, pid_t pid);

/* --- the search */

/*
 * Looks at the processes that run, as long as there is a stream, and at what those left that have
 * ended, once the model has their end.
 */
void trace_leaks__look(struct trace_leaks *leaks);

/* No more is to come from the stream, which is about to go. */
void trace_leaks__stop(struct trace_leaks *leaks);

/*
 * Adds what the latest look found to @report, which was collected from the model. Notes tell what
 * could not be searched. 0 or -ENOMEM. @leaks may be NULL.
 */
int trace_leaks__add_to(struct trace_leaks *leaks, struct report *report);

/* Applies the suppressions, once frames are named and before they are trimmed. 0 or -ENOMEM. */
int trace_leaks__suppress(struct trace_leaks *leaks, struct report *report);

/* Whether the last report that was given has blocks that are definitely lost, not suppressed. */
bool trace_leaks__found(const struct trace_leaks *leaks);

#endif
