/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The model and the kernel, reconciled: a process whose end was lost with a full ring would count
 * as running forever, and its blocks as live. The kernel's map of targets has the truth.
 *
 * A process that the model has and the map has not may have ended a moment ago, with its last
 * records still in the ring: so it is noted first, and ended when the ring has been read since.
 */
#ifndef MEMTRACE_CMD_TRACE_RECONCILE_H
#define MEMTRACE_CMD_TRACE_RECONCILE_H

#include "attach/tracer.h"
#include "base/vec.h"
#include "stream/feed.h"
#include "stream/stream.h"

/* Starts as {0}. */
struct trace_reconcile {
	uint64_t lost; /* records of processes, when last looked */
	size_t rounds; /* of the stream, when the suspects were noted */
	VEC(struct traced_image) suspects;
};

/* Now and then, while tracing: does nothing unless records of processes were lost. */
void trace_reconcile__look(struct trace_reconcile *reconcile, const struct tracer *tracer,
	struct stream *stream, struct feed *feed);

/* At the end: before the ring is read for the last time, and after. */
void trace_reconcile__begin(struct trace_reconcile *reconcile, const struct tracer *tracer,
	struct stream *stream, struct feed *feed);
void trace_reconcile__finish(
	struct trace_reconcile *reconcile, const struct tracer *tracer, struct feed *feed);

void trace_reconcile__free(struct trace_reconcile *reconcile);

#endif
