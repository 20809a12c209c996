/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a run of memtrace -p PID or memtrace -- COMMAND consists of, for its steps and its loop. */
#ifndef MEMTRACE_CMD_TRACE_RUN_H
#define MEMTRACE_CMD_TRACE_RUN_H

#include "base/event_loop.h"
#include "cmd/live_events.h"
#include "cmd/top.h"
#include "cmd/trace_leaks.h"
#include "cmd/trace_locks.h"
#include "cmd/trace_options.h"
#include "cmd/trace_reconcile.h"
#include "cmd/trace_report.h"
#include "cmd/trace_windows.h"
#include "process/launch.h"
#include "process/process.h"
#include "stream/feed.h"
#include "stream/stream.h"

struct trace {
	struct trace_options options;
	struct live_events events;
	VEC(struct process_info) processes;
	struct launch launch;
	bool launched;
	bool command_ended;
	int command_status;

	struct modules *modules;
	struct spaces *spaces;
	struct tracer *tracer;
	struct feed feed;
	struct stream *stream;
	struct trace_report_source source; /* of the report and of the view: borrows the others */
	struct trace_report *report;
	struct trace_reconcile reconcile;
	struct trace_locks *locks;     /* NULL: not possible here */
	struct trace_leaks *leaks;     /* NULL: they are not asked for */
	struct top *top;	       /* NULL: not `memtrace top` */
	struct trace_windows *windows; /* NULL: the probes are always there */

	struct event_loop loop;
	int children; /* a signalfd of their signals */
	uint64_t start_ns;
};

/* --- trace_callbacks.c */

/* What the tracer is to call, with @trace for its context. */
struct tracer_callbacks trace_callbacks__of(struct trace *trace);

/* --- trace_loop.c: what happens while a run goes on */

/*
 * To be called before any thread is made, as each starts with its maker's mask: children's signals
 * are read from trace->children. 0, or a negative errno with @error set.
 */
int trace_loop__take_signals(struct trace *trace, struct error *error);

/* Opens the loop over the tracer, the processes and children. 0, or as above. */
int trace_loop__open(struct trace *trace, struct error *error);

/* From here on Ctrl-C ends the run; before, it ends memtrace at once. */
void trace_loop__take_interrupt(struct trace *trace);

/* Time counts from here on: what comes before, attaching, may take long. 0, or as above. */
int trace_loop__start_timers(struct trace *trace, struct error *error);

/* Until the run is over. */
void trace_loop__run(struct trace *trace);

/* Takes the status of a launched command that has ended, if it has not been taken. */
void trace_loop__reap_command(struct trace *trace);

/* @final: the run is over, no later look will confirm what this one sees. */
void trace_loop__look_at_locks(struct trace *trace, bool final);

#endif
