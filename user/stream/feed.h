/*
 * From live records to the model: resolves the frames of stacks to modules, which needs the maps
 * of the processes as they are now, and hands everything on to the heap.
 */
#ifndef MEMTRACE_STREAM_FEED_H
#define MEMTRACE_STREAM_FEED_H

#include "attach/spaces.h"
#include "event.h"
#include "heap/heap.h"

struct feed {
	struct heap *heap;
	struct spaces *spaces;
	uint64_t stack_stops[STACK_STOP_COUNT]; /* distinct stacks, by how the walk ended */
	uint64_t guessed_frames;
	uint64_t failures; /* records that the model had no memory for */
};

/* A stream_sink; @context is a struct feed. */
void feed__record(void *context, const struct event_header *event, size_t size);

#endif
