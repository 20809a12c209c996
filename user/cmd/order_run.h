/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A run of memtrace order: from attaching to the end of what is traced. */
#ifndef MEMTRACE_CMD_ORDER_RUN_H
#define MEMTRACE_CMD_ORDER_RUN_H

#include "base/event_loop.h"
#include "cmd/order_feed.h"
#include "process/launch.h"
#include "process/process.h"

struct order_options {
	VEC(pid_t) pids;
	char **command; /* NULL: none */
	bool follow;
	uint64_t duration_ns; /* 0: until a signal, or the end of the processes */
	uint64_t ring_size;
	uint64_t hold_limit_ns;
	bool exit_status;
	bool kill_on_exit;
	bool json;
	const char *json_path;	      /* NULL: stdout */
	VEC(const char *) suppressed; /* patterns of functions */
	size_t top;
	bool full_stacks;
};

struct order_run {
	struct order_options options;
	VEC(struct process_info) processes;
	struct launch launch;
	bool launched;
	bool released; /* the command runs */
	bool command_ended;
	int command_status; /* as wait(2) gives it */

	struct modules *modules;
	struct spaces *spaces;
	struct tracer *tracer;
	struct order_feed *feed;
	struct ring_buffer *ring;
	struct event_loop loop;
	int children; /* a signalfd of their signals; -1: none */
	uint64_t start_ns;
	uint64_t start_unix_ns;
	uint64_t duration_ns;
};

/* Traces until the run is over; the feed has all then. 0, or a negative errno with @error set. */
int order_run__trace(struct order_run *run, struct error *error);

/* A launched command that still runs is left running, unless it is not to be. */
void order_run__leave_command(struct order_run *run);

void order_run__free(struct order_run *run);

#endif
