/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arguments of `memtrace -p PID`, `memtrace -- COMMAND` and `memtrace record`. */
#ifndef MEMTRACE_CMD_TRACE_OPTIONS_H
#define MEMTRACE_CMD_TRACE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"
#include "cmd/view_options.h"
#include "probe/usdt_plan.h"
#include "tracer_shared.h"

/* Which frames of stacks that run Python are shown. */
enum python_mode { PYTHON_HYBRID = 0, PYTHON_ONLY, PYTHON_NATIVE };

/* What is followed. */
enum trace_mode {
	MODE_EXACT = 0, /* every call of an allocation function */
	MODE_GROWTH,	/* samples of page faults: where resident memory grows */
	MODE_SAMPLES,	/* what the target's allocator samples itself (USDT) */
};

struct trace_options {
	/* what is traced */
	VEC(pid_t) pids;
	char **command; /* NULL, or what follows "--" */
	bool follow;
	VEC(const char *) allocators;	/* LIB-OR-EXE[:PREFIX] */
	VEC(struct usdt_provider) usdt; /* of samples; otel_memory is the first */

	/* how */
	enum trace_mode mode;
	bool without_mappings;
	enum stack_mode stacks;
	enum python_mode python;
	bool python_allocator;
	uint32_t max_frames;
	uint64_t ring_size;   /* bytes, a power of two */
	uint64_t duration_ns; /* 0: until something else ends it */
	uint64_t interval_ns; /* 0: no periodic reports */
	uint64_t hold_limit_ns;
	double budget; /* per cent of the targets' time that probes may cost; 0: all is traced */
	bool verbose;
	bool oom; /* a report when the kernel chooses a target to be killed */
	bool exit_status;
	bool kill_on_exit; /* exit as the launched command did */

	/* --leaks, which the two others ask for, too */
	bool leaks;
	int leak_status; /* to exit with if there are any; 0: as without */
	VEC(const char *) suppressions;

	/* what comes of it */
	struct view_options view;
	const char *record_path; /* NULL: no recording */
	bool live_view;		 /* `memtrace top`: the terminal shows how things stand */
	bool record_only;	 /* `memtrace record`: the recording is the point */
};

/*
 * Parses @argv, whose [0] may be "record" or "top", into @options, freed with trace_options__free.
 * Returns 0, or what to exit with + 1 (after --help, a usage error), the message having been
 * printed.
 */
int trace_options__parse(int argc, char **argv, struct trace_options *options);

/* The options and the help of "memtrace trace", "memtrace record" or "memtrace top"; static. */
const struct argp *trace_options__argp(const char *title);

void trace_options__free(struct trace_options *options);

#endif
