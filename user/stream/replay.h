/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A recording brought back to life: its records go through the same heap model as those of a live
 * run, and what a report needs besides (who was traced, names, losses) is kept at hand.
 */
#ifndef MEMTRACE_STREAM_REPLAY_H
#define MEMTRACE_STREAM_REPLAY_H

#include "heap/heap.h"
#include "python.h"
#include "sampling/own_samples.h"
#include "sampling/sampling.h"
#include "stream/recording_reader.h"

struct replay_options {
	/*
	 * ns since the run's start. With `from_ns` it is as if memtrace had attached only then:
	 * what was allocated before is not known. With `to_ns` (0: no limit) as if it had ended
	 * then.
	 */
	uint64_t from_ns;
	uint64_t to_ns;
	uint64_t min_size; /* as in struct heap_options */
	uint64_t max_size;
};

struct replay_target {
	uint32_t pid;
	const char *command; /* may be NULL */
};

struct replay_setting {
	const char *name;
	const char *value;
};

struct replay_module {
	uint32_t id;
	const char *path;     /* may be NULL */
	const char *build_id; /* hex; NULL: none */
};

/* What the looks at locks found, as documents; see struct recording_locks. */
struct replay_locks {
	const char *json; /* NULL: there were no looks, or the recording lacks their results */
	const char *text;
	const char *text_full;
	const char *dot;
};

struct replay_name_frame {
	const char *function; /* NULL: unknown */
	const char *file;
	uint64_t function_offset;
	uint32_t line;
	bool inlined;
};

struct replay {
	struct heap *heap;
	struct own_samples *own_samples; /* NULL: no allocator told of its own samples */
	struct sampling *sampling;	 /* NULL: the run had no windows (--budget) */
	struct recording_problems problems;
	const char *version; /* of the program that recorded; NULL where that is lost */
	bool launched;
	VEC(struct replay_target) targets;
	VEC(struct replay_setting) settings;
	VEC(const char *) notes;
	uint64_t start_ns;	/* CLOCK_MONOTONIC of the window's start */
	uint64_t start_unix_ns; /* and CLOCK_REALTIME */
	uint64_t now_ns;	/* CLOCK_MONOTONIC of the window's end */
	uint64_t duration_ns;
	uint64_t run_ns; /* of the whole run */
	bool has_ended;	 /* the launched command, in the window */
	int exit_status;
	uint64_t records;	     /* of event.h that were read */
	uint64_t missing;	     /* records that the writer had to leave out */
	uint64_t losses[LOSS_COUNT]; /* in the window, as near as the recording tells */
	uint64_t stack_stops[STACK_STOP_COUNT];
	uint64_t guessed_frames;
	struct python_walks python_walks;
	struct replay_locks locks;
	struct replay_locks leaks; /* likewise; `dot` is empty */
	struct replay_private *private;
};

/*
 * Reads @file. Returns 0, or a negative errno with @error set (see recording__read). Free @replay
 * in any case.
 */
int replay__run(struct replay *replay, FILE *file, const char *name,
	const struct replay_options *options, struct error *error);
void replay__free(struct replay *replay);

/* NULL: not in the recording. */
const struct replay_module *replay__module(const struct replay *replay, uint32_t id);

/*
 * The names of an address, innermost first. NULL where the recording has none; *@count 0 with a
 * pointer for an address that is to be left out.
 */
const struct replay_name_frame *replay__names(
	const struct replay *replay, uint32_t module, uint64_t offset, size_t *count);

#endif
