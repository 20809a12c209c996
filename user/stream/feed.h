/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * From live records to the model: resolves the frames of stacks to modules, which needs the maps
 * of the processes as they are now, and hands everything on to the heap, and to the recorder if the
 * run is recorded.
 */
#ifndef MEMTRACE_STREAM_FEED_H
#define MEMTRACE_STREAM_FEED_H

#include "event.h"
#include "heap/heap.h"
#include "process/spaces.h"
#include "python/frames.h"
#include "python/runtimes.h"
#include "sampling/own_samples.h"
#include "sampling/sampling.h"
#include "stream/recorder.h"

struct feed {
	struct heap *heap;
	struct sampling *sampling; /* NULL: every call is seen, and the heap model has them all */
	struct own_samples *own_samples; /* NULL: what allocators sample is left out */
	struct spaces *spaces;
	struct python_frames *python_frames; /* NULL, as the next: no Python frames come */
	struct python_runtimes *python_runtimes;
	bool python_only;			/* of stacks with Python frames, these alone */
	struct recorder *recorder;		/* NULL: none */
	uint64_t stack_stops[STACK_STOP_COUNT]; /* distinct stacks, by how the walk ended */
	uint64_t guessed_frames;
	struct python_walks python_walks;
	uint64_t lost_code; /* of these, with code that was gone before it could be looked at */
	uint64_t failures;  /* records that there was no memory for, here or in the model */
};

/* Makes a process known before its first record; @comm may be NULL. 0 or -ENOMEM. */
int feed__add_process(struct feed *feed, uint32_t process, pid_t pid, const char *comm);

/* The run starts at @start_ns (CLOCK_MONOTONIC), before its first record. */
void feed__begin(struct feed *feed, uint64_t start_ns);

/* Adds what was lost on this side of the ring (event.h). */
void feed__add_losses(const struct feed *feed, uint64_t losses[LOSS_COUNT]);

/* What records are applied to. */
struct feed_models {
	struct heap *heap;
	struct sampling *sampling; /* NULL, as the next: none come for it */
	struct own_samples *own_samples;
};

/*
 * Applies a record to the models: with `sampling`, calls and windows to that one, and the life of
 * processes to all. 0 or a negative errno.
 */
int feed__apply(const struct feed_models *models, const struct event_header *event, size_t size);

/* A stream_sink; @context is a struct feed. */
void feed__record(void *context, const struct event_header *event, size_t size);

#endif
