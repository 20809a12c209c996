/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace serve: which processes are traced. All processes are looked through several times a
 * second; one that matches becomes a target, one that has ended is kept by name for a while.
 */
#ifndef MEMTRACE_CMD_SERVE_TARGETS_H
#define MEMTRACE_CMD_SERVE_TARGETS_H

#include "blocked/watch_filter.h"
#include "cmd/trace_targets.h"
#include "process/container.h"

/* How often the processes are looked through: a match is attached to within a second. */
#define SERVE_SCAN_NS 250000000ull

struct serve_filter {
	struct watch_filter
		*processes;	      /* of -p, --comm, --cgroup, --exclude; renewed by the scan */
	VEC(const char *) containers; /* beginnings of IDs */
	bool all;
};

/* A process that is traced, or was. */
struct served_process {
	pid_t pid;
	uint32_t process;  /* number of the image that it ran when it was last heard of */
	uint64_t ended_ns; /* 0: it runs */
	char comm[PROCESS_COMM_SIZE];
	char command[128];  /* its command line, cut */
	char container[13]; /* the beginning of the ID, as docker shows it; "" */
	char pod[CONTAINER_POD_SIZE];
};

typedef VEC(struct served_process) served_list;

struct serve_targets;

/* @filter and @targets stay the caller's. NULL: no memory. */
struct serve_targets *serve_targets__new(
	const struct serve_filter *filter, const struct trace_targets *targets);
void serve_targets__free(struct serve_targets *targets);

/* Looks through the processes, and attaches to those that match and are new. */
void serve_targets__scan(struct serve_targets *targets);

/* The callbacks of the tracer. */
void serve_targets__started(struct serve_targets *targets, pid_t pid);
void serve_targets__exited(struct serve_targets *targets, pid_t pid);

/* Those that are traced or ended not long ago; valid until the next call. */
const struct served_process *serve_targets__list(
	const struct serve_targets *targets, size_t *count);

/* Processes that matched and could not be traced. */
uint64_t serve_targets__refused(const struct serve_targets *targets);

#endif
