/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Python frames with their names: each distinct (function, file, line) has a number. Code objects
 * are read once; one at an address that was used before is noticed by its identity.
 *
 * One thread at a time, except for python_frames__get of a number that was given out before.
 */
#ifndef MEMTRACE_PYTHON_FRAMES_H
#define MEMTRACE_PYTHON_FRAMES_H

#include "python/stack.h"

struct python_frame {
	const char *function; /* NULL: the code object was gone before it could be read */
	const char *file;     /* as the program has it: a path, "<string>"; NULL as above */
	uint32_t line;	      /* 0: unknown */
};

struct python_frames;

struct python_frames *python_frames__new(void);
void python_frames__free(struct python_frames *frames);

/*
 * The number of the frame at @place, whose code is read from @process unless it is known by the
 * number @image of the process's image. 0: no memory.
 */
uint32_t python_frames__resolve(struct python_frames *frames, const struct python_process *process,
	uint32_t image, const struct python_place *place);

/* A code object that the kernel's side has sent (python.h). 0 or -ENOMEM; others are ignored. */
int python_frames__take_code(
	struct python_frames *frames, const struct event_python_code *event, size_t size);

/* The number of the frame at @place of code that was sent so, of 3.@minor. 0: no memory. */
uint32_t python_frames__known(
	struct python_frames *frames, int minor, uint32_t image, const struct python_place *place);

/*
 * What a number stands for; NULL: none. Its strings are valid as long as @frames. Any thread may
 * ask while one other adds frames.
 */
const struct python_frame *python_frames__get(const struct python_frames *frames, uint32_t number);

/* Whether the code at @place was gone, or is not what ran there. */
bool python_frame__is_lost(const struct python_frame *frame);

#endif
