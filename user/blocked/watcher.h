/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The machine-wide watch on futex waits: loads bpf/locks.bpf.c and reads what it counts. It says
 * that waits have grown old; which, and what they mean, a look finds out (locks_look.h).
 */
#ifndef MEMTRACE_BLOCKED_WATCHER_H
#define MEMTRACE_BLOCKED_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "event.h"

struct watcher;

struct watcher_counts {
	uint64_t seen;	     /* waits since the start */
	uint64_t long_ended; /* of these, ended after the threshold */
	uint64_t lost;	     /* waits that could not be followed, or whose end was lost */
	int64_t open;	     /* under way now */
};

/* Called for each long wait that ended. */
typedef void watcher_end_fn(void *context, const struct event_wait *wait);

/*
 * Loads and attaches. @namespace_level: looker__namespace_level. Returns 0 or a negative errno with
 * @error set; the caller calls watcher__free, which takes the probes out.
 */
int watcher__new(uint64_t threshold_ns, unsigned int namespace_level, watcher_end_fn *ended,
	void *context, struct watcher **out, struct error *error);
void watcher__free(struct watcher *watcher);

/* Readable when long waits ended; then watcher__read_ends calls back for each. */
int watcher__fd(const struct watcher *watcher);
void watcher__read_ends(struct watcher *watcher);

/*
 * Reads the counters. *@grown: whether a wait that still lasts has reached the threshold since the
 * last call. Returns 0 or a negative errno.
 */
int watcher__count(struct watcher *watcher, struct watcher_counts *out, bool *grown);

#endif
