/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which processes the watch is about. */
#ifndef MEMTRACE_BLOCKED_WATCH_FILTER_H
#define MEMTRACE_BLOCKED_WATCH_FILTER_H

#include "base/vec.h"
#include "blocked/look.h"

struct watch_filter {
	VEC(pid_t) pids;	 /* only these; none: all */
	VEC(const char *) comms; /* only processes of these names */
	VEC(const char *) excluded;
	const char *cgroup; /* folder of a cgroup: only processes in it or below */
	VEC(pid_t) members; /* of the cgroup, sorted; renewed by watch_filter__refresh */
};

/* Reads the members of the cgroup, if there is one. Returns 0 or a negative errno. */
int watch_filter__refresh(struct watch_filter *filter);

/* Whether the process whose first thread is @leader counts. */
bool watch_filter__wants(const struct watch_filter *filter, const struct look_thread *leader);

void watch_filter__free(struct watch_filter *filter);

#endif
