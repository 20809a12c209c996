/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Reads a recording, of which nothing is believed: every length is checked, every frame has its
 * checksum. A file that ends in the middle of a frame is read up to there; a damaged frame is left
 * out and counted.
 */
#ifndef MEMTRACE_STREAM_RECORDING_READER_H
#define MEMTRACE_STREAM_RECORDING_READER_H

#include <stdio.h>

#include "base/error.h"
#include "stream/recording_items.h"

/*
 * Gets what is in the file, in its order. Each returns 0, or a negative errno that ends the
 * reading. NULL: not wanted. Pointers are valid during the call.
 */
struct recording_visitor {
	void *context;
	int (*run)(void *context, const struct recording_run *run);
	int (*status)(void *context, const struct recording_status *status);
	int (*name)(void *context, const struct recording_name *name);
	int (*locks)(void *context, const struct recording_locks *locks);
	int (*leaks)(void *context, const struct recording_locks *leaks);
	int (*module)(void *context, const struct recording_module *module);
	int (*process)(void *context, const struct recording_process *process);
	int (*begin)(void *context, uint64_t start_ns);
	int (*stack)(void *context, const struct recording_stack *stack);
	/* Any record of event.h but EVENT_STACK. */
	int (*record)(void *context, const struct event_header *event, size_t size);
	/* A heap record that is going to be visited in a moment: a chance to prefetch. */
	void (*announce)(void *context, const struct event_header *event);
};

/* What is wrong with a file that could be read nevertheless. */
struct recording_problems {
	uint64_t bytes;		  /* that were read */
	bool is_cut;		  /* it ends in the middle of a frame */
	bool is_broken;		  /* what follows is not a frame: nothing after it was read */
	bool has_end;		  /* the writer finished it */
	uint32_t damaged_frames;  /* whose checksum or contents are wrong: left out */
	uint64_t damaged_records; /* in them */
	uint32_t unknown_frames;  /* of types that a newer program writes: left out */
};

/*
 * Reads @file from its beginning; @name is for messages. Returns 0 with @problems filled in, what
 * a visitor returned, -ENOMEM, -EIO, or -EINVAL if it is not a recording or has a version that
 * this program does not know; @error is set unless the visitor failed.
 */
int recording__read(FILE *file, const char *name, const struct recording_visitor *visitor,
	struct recording_problems *problems, struct error *error);

#endif
