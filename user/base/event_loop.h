/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A loop over descriptors and timers: each has the function that is called when it is readable or
 * due. All calls come from the thread that runs the loop.
 */
#ifndef MEMTRACE_BASE_EVENT_LOOP_H
#define MEMTRACE_BASE_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

/* @context is the loop's; @fd is what became readable, or the timer. */
typedef void event_loop_fn(void *context, int fd);

struct event_source {
	int fd; /* -1: forgotten */
	bool is_timer;
	event_loop_fn *handle;
};

struct event_loop {
	int epoll; /* -1: not open */
	bool is_over;
	void *context;
	VEC(struct event_source) sources;
};

/* 0 or a negative errno. event_loop__close ends it, also after a failure. */
int event_loop__open(struct event_loop *loop, void *context);
/* Closes its timers; descriptors that were watched stay their owners'. */
void event_loop__close(struct event_loop *loop);

/* Calls @handle whenever @fd is readable. 0 or a negative errno. */
int event_loop__watch(struct event_loop *loop, int fd, event_loop_fn *handle);
/* Does so no longer. May be called from a handler. */
void event_loop__forget(struct event_loop *loop, int fd);

/*
 * Calls @handle in @first_ns, not 0, and then every @interval_ns; 0: once. Times that passed while
 * the loop was busy count as one. 0 or a negative errno.
 */
int event_loop__time(
	struct event_loop *loop, uint64_t first_ns, uint64_t interval_ns, event_loop_fn *handle);

/* Runs until a handler calls event_loop__end; at once if one has before. */
void event_loop__run(struct event_loop *loop);
void event_loop__end(struct event_loop *loop);

#endif
