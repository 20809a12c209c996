/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What is known of a run as a whole: what it traces, by which settings, since when, and what was
 * lost. A report and a recording say the same of it.
 */
#ifndef MEMTRACE_CMD_TRACE_FACTS_H
#define MEMTRACE_CMD_TRACE_FACTS_H

#include <stdint.h>

#include "attach/tracer.h"
#include "cmd/trace_leaks.h"
#include "cmd/trace_locks.h"
#include "cmd/trace_options.h"
#include "cmd/trace_windows.h"
#include "process/launch.h"
#include "process/process.h"
#include "report/model.h"
#include "stream/feed.h"
#include "stream/stream.h"

/* What a report is made from; all of it stays the caller's and outlives the trace_report. */
struct trace_report_source {
	const struct trace_options *options;
	struct feed *feed;
	struct stream *stream;
	const struct tracer *tracer;
	struct modules *modules;
	struct spaces *spaces;
	const struct process_info *processes;
	size_t process_count;
	const struct launch *launch;   /* NULL: nothing was launched */
	struct trace_locks *locks;     /* NULL: not looked at */
	struct trace_leaks *leaks;     /* NULL: not asked for */
	struct trace_windows *windows; /* NULL: the probes are always there */
};

/* The settings that shape what a report can say. */
enum trace_setting {
	SETTING_STACKS,
	SETTING_MAX_FRAMES,
	SETTING_RING_SIZE,
	SETTING_FOLLOW,
	SETTING_MODE,
	SETTING_COUNT,
};

struct trace_facts {
	const struct trace_report_source *source;
	struct report_target *targets;
	size_t target_count;
	char *command; /* of a launch, joined */
	uint64_t start_ns;
	uint64_t start_unix_ns;
	struct report_setting settings[SETTING_COUNT];
	char setting_values[SETTING_COUNT][24];
};

/* @source outlives the facts. 0 or -ENOMEM; trace_facts__free in any case. */
int trace_facts__init(struct trace_facts *facts, const struct trace_report_source *source);
void trace_facts__free(struct trace_facts *facts);

/* The run begins now, at @start_ns (CLOCK_MONOTONIC). */
void trace_facts__start(struct trace_facts *facts, uint64_t start_ns);

/*
 * Fills in @run as of @now_ns; its strings are those of the facts. Under the stream's lock while
 * there is a reader, which counts in the feed.
 */
void trace_facts__describe(
	const struct trace_facts *facts, uint64_t now_ns, struct report_run *run);

#endif
