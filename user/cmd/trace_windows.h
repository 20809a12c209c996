/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Windows of a run (--budget): when the probes come and go, so that what they cost stays below the
 * budget in every second; and when the allocator is asked which blocks are still there.
 *
 * An account fills at less than the budget's rate and never holds more than a part of a second's
 * budget. A window is opened when it can be paid, as long as the last ones' cost lets it be; one
 * that costs more ends at once, when the account is empty. Where probing all the time costs less
 * than the account gets, windows follow each other without a gap, and all is seen.
 */
#ifndef MEMTRACE_CMD_TRACE_WINDOWS_H
#define MEMTRACE_CMD_TRACE_WINDOWS_H

#include "attach/tracer.h"
#include "stream/feed.h"
#include "stream/stream.h"

struct trace_windows;

struct trace_windows_options {
	double budget; /* per cent */
	struct tracer *tracer;
	struct stream *stream;
	struct feed *feed;
};

/* NULL with @error set. The parts are borrowed. */
struct trace_windows *trace_windows__new(
	const struct trace_windows_options *options, struct error *error);
void trace_windows__free(struct trace_windows *windows);

/* Readable when trace_windows__tick is to be called. */
int trace_windows__fd(const struct trace_windows *windows);

/* The first window may come. */
void trace_windows__start(struct trace_windows *windows);
void trace_windows__tick(struct trace_windows *windows);

/* The open window has used up what it may. */
void trace_windows__spent(struct trace_windows *windows);

/*
 * Before a report: ends the open window, waits until its records have been read, and asks for all
 * blocks. The next window comes by itself, unless @last.
 */
void trace_windows__settle(struct trace_windows *windows, bool last);

#endif
