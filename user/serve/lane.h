/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A thread that does one piece of work after the other, in the order in which they came: what takes
 * long, so that neither the tracing nor the answers to other clients wait for it.
 */
#ifndef MEMTRACE_SERVE_LANE_H
#define MEMTRACE_SERVE_LANE_H

#include <stdbool.h>
#include <stddef.h>

struct lane;

/* Runs on the lane's thread. */
typedef void lane_work_fn(void *work);

/* @limit: pieces of work that may wait. NULL: no memory, or no thread. */
struct lane *lane__start(size_t limit);

/* 0, -EAGAIN where too many wait, or -ENOMEM. */
int lane__push(struct lane *lane, lane_work_fn *run, void *work);

/*
 * Ends the thread after the piece of work that it is at; those that wait are not begun. False: it
 * is still at it after @limit_ms, when the thread and all that it uses must be left as they are.
 */
bool lane__stop(struct lane *lane, unsigned int limit_ms);

#endif
