/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The reader of the ring buffer: a thread that hands every record, in order, to a sink. Records do
 * not wake it (that would cost the target more than all the rest): it looks every few
 * milliseconds, at once when the ring is a quarter full, and without a pause while it lags.
 */
#ifndef MEMTRACE_STREAM_STREAM_H
#define MEMTRACE_STREAM_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "event.h"

/* Called by the reader's thread, under the stream's lock. @size is that of the record in bytes. */
typedef void (*stream_sink)(void *context, const struct event_header *event, size_t size);

struct stream;

/* Starts reading ring buffer @ring_fd. NULL with @error set on failure; end it with stream__stop.
 */
struct stream *stream__start(int ring_fd, stream_sink sink, void *context, struct error *error);

/* While the lock is held, no record is handed out: what the sink feeds may be read. */
void stream__lock(struct stream *stream);
void stream__unlock(struct stream *stream);

/*
 * How often the ring was read to its end. What was in it at a call of this has been handed out when
 * the number is greater by 2, as one reading was perhaps under way.
 */
size_t stream__rounds(const struct stream *stream);

/* Hands out what is in the ring and ends the thread. Call it after the probes were disabled. */
void stream__stop(struct stream *stream);

#endif
