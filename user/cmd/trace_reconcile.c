/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_reconcile.h"

#include <string.h>

#include "base/clock.h"

static uint64_t lost_records(const struct tracer *tracer)
{
	uint64_t losses[LOSS_COUNT];

	tracer__losses(tracer, losses);
	return losses[LOSS_PROCESS_RING_FULL];
}

static void note_suspects(struct trace_reconcile *reconcile, const struct tracer *tracer,
	struct stream *stream, const struct feed *feed)
{
	size_t count;

	stream__lock(stream);
	reconcile->rounds = stream__rounds(stream);
	count = heap__process_count(feed->heap);
	for (size_t i = 0; i < count; i++) {
		struct heap_process process;
		struct traced_image image;

		heap__process(feed->heap, i, &process);
		image = (struct traced_image){process.pid, process.number};
		/* No PID: its fork or exec was lost, too. Who has this number is not known then. */
		if (process.end == PROCESS_RUNS &&
			!(process.pid && tracer__image_of(tracer, process.pid) == process.number))
			vec_push(&reconcile->suspects, image);
	}
	stream__unlock(stream);
}

static bool is_among(const traced_images *images, uint32_t process)
{
	vec_for_each (image, images)
		if (image->process == process)
			return true;
	return false;
}

/* Ends the suspects, under the stream's lock: whatever they sent has been read. */
static void end_suspects(
	struct trace_reconcile *reconcile, const struct tracer *tracer, struct feed *feed)
{
	traced_images targets = {0};

	if (!tracer__targets(tracer, &targets)) {
		vec_for_each (suspect, &reconcile->suspects) {
			struct event_process event = {
				.header = {.kind = EVENT_EXIT,
					.process = suspect->process,
					.time_ns = clock__now_ns()},
				.pid = suspect->pid,
			};

			if (!is_among(&targets, suspect->process))
				feed__record(feed, &event.header, sizeof(event));
		}
	}
	vec_free(&targets);
	vec_free(&reconcile->suspects);
}

void trace_reconcile__look(struct trace_reconcile *reconcile, const struct tracer *tracer,
	struct stream *stream, struct feed *feed)
{
	uint64_t lost = lost_records(tracer);

	if (reconcile->suspects.size) {
		if (stream__rounds(stream) < reconcile->rounds + 2)
			return;
		stream__lock(stream);
		end_suspects(reconcile, tracer, feed);
		stream__unlock(stream);
	} else if (lost != reconcile->lost) {
		reconcile->lost = lost;
		note_suspects(reconcile, tracer, stream, feed);
	}
}

void trace_reconcile__begin(struct trace_reconcile *reconcile, const struct tracer *tracer,
	struct stream *stream, struct feed *feed)
{
	vec_free(&reconcile->suspects);
	if (stream && lost_records(tracer))
		note_suspects(reconcile, tracer, stream, feed);
}

void trace_reconcile__finish(
	struct trace_reconcile *reconcile, const struct tracer *tracer, struct feed *feed)
{
	if (reconcile->suspects.size)
		end_suspects(reconcile, tracer, feed);
}

void trace_reconcile__free(struct trace_reconcile *reconcile)
{
	vec_free(&reconcile->suspects);
}
