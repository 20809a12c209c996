/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Writes a recording while its run is traced. Records are coded on the thread that reads the ring;
 * compressing and writing are another thread's, behind a bounded queue. Nothing here ever makes
 * the tracer wait or fail: what finds the queue or the disk full is left out of the recording and
 * counted, and the reports say so.
 */
#ifndef MEMTRACE_STREAM_RECORDER_H
#define MEMTRACE_STREAM_RECORDER_H

#include "base/error.h"
#include "stream/recording_items.h"

struct recorder;

/*
 * Creates a file that recorder__appear puts at @path, in the place of what is there; before that,
 * closing it leaves nothing behind. A @path that is a pipe or a device is written to (see
 * base/new_file.h). NULL with @error set.
 */
struct recorder *recorder__open(const char *path, struct error *error);

/* Once the run begins: a kill then leaves what was recorded. 0, or negative errno with @error set.
 */
int recorder__appear(struct recorder *recorder, struct error *error);

/* --- by one thread at a time: the ring's reader, or others under the stream's lock */

/* Any record of event.h but EVENT_STACK. */
void recorder__put_record(struct recorder *recorder, const struct event_header *event, size_t size);
void recorder__put_stack(struct recorder *recorder, const struct recording_stack *stack);
/* Whether the module is in the recording already; it is to be put before stacks that use it. */
bool recorder__has_module(const struct recorder *recorder, uint32_t id);
void recorder__put_module(struct recorder *recorder, const struct recording_module *module);
void recorder__put_process(struct recorder *recorder, const struct recording_process *process);
/* The run starts at @start_ns (CLOCK_MONOTONIC). */
void recorder__put_begin(struct recorder *recorder, uint64_t start_ns);
/* Hands on what was put so far, so that it is safe from a kill; about every second. */
void recorder__flush(struct recorder *recorder);

/* --- by the main thread */

void recorder__put_run(struct recorder *recorder, const struct recording_run *run);
/* `missing` is filled in here. */
void recorder__put_status(struct recorder *recorder, const struct recording_status *status);
void recorder__put_locks(struct recorder *recorder, const struct recording_locks *locks);
/* As documents, too: `json` is the object of the key `leaks`, `dot` is empty. */
void recorder__put_leaks(struct recorder *recorder, const struct recording_locks *leaks);
void recorder__put_name(struct recorder *recorder, const struct recording_name *name);

/* Whether it goes into a pipe that nobody reads any more. */
bool recorder__has_no_reader(struct recorder *recorder);

struct recorder_state {
	uint64_t records; /* of event.h that were put */
	uint64_t missing; /* of them, not in the file */
	uint64_t bytes;	  /* of the file */
	int error;	  /* negative errno of the first write that failed; 0 */
};

/* Waits until the queue is written. After the ring's reader has ended. */
struct recorder_state recorder__drain(struct recorder *recorder);

/* Writes what is left and ends it. Returns 0, or a negative errno with @error set. */
int recorder__close(struct recorder *recorder, struct error *error);

#endif
