/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The walk of a thread's Python frames, one frame at a time: compiled into the BPF programs and
 * into user space. Whoever includes it defines before
 *
 *	static int python_read(struct python_walk *w, void *to, __u32 size, __u64 address);
 *
 * 0: all of it was read. What is read is never trusted: addresses are only read from, and a chain
 * that has no end runs into the limit.
 */
#ifndef MEMTRACE_PYTHON_STEP_H
#define MEMTRACE_PYTHON_STEP_H

#include "python_state.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* pthread_getspecific's slots are { uintptr_t sequence; void *data }, 32 of them in a block. */
#define PYTHON_SLOTS_PER_BLOCK 32
#define PYTHON_SLOT_BYTES 16
#define PYTHON_SLOT_BLOCKS 32

static __always_inline __u64 python_word(const struct python_walk *w, __u32 offset)
{
	return *(const __u64 *)(w->buffer + (offset & PYTHON_BUFFER_MASK));
}

static __always_inline __u64 python_pointer(struct python_walk *w, __u64 address)
{
	__u64 value = 0;

	return address && !python_read(w, &value, sizeof(value), address) ? value : 0;
}

/* The thread's own pointer to its state, with the GIL or without: pthread_getspecific(key). */
static __always_inline __u64 python_specific(
	struct python_walk *w, const struct python_space *space, __u64 thread)
{
	__u64 key = python_pointer(w, space->tss_key), block = thread + space->tss_slots;
	__u32 index = key >> 32;

	if (!(__u32)key || index >= PYTHON_SLOTS_PER_BLOCK * PYTHON_SLOT_BLOCKS)
		return 0;
	/* Behind the first block are pointers to all, that to itself included. */
	if (index >= PYTHON_SLOTS_PER_BLOCK)
		block = python_pointer(w, block + PYTHON_SLOTS_PER_BLOCK * PYTHON_SLOT_BYTES +
						  index / PYTHON_SLOTS_PER_BLOCK * 8);
	if (!block)
		return 0;
	return python_pointer(
		w, block + (__u64)(index % PYTHON_SLOTS_PER_BLOCK) * PYTHON_SLOT_BYTES + 8);
}

/* The PyThreadState of the thread whose pthread_self() is @thread; 0: none. */
static __always_inline __u64 python_thread_state(
	struct python_walk *w, const struct python_space *space, __u64 thread)
{
	__u64 state;

	if (!thread)
		return 0;
	/* Of several (sub-interpreters before 3.12) the one that has the GIL runs. */
	state = python_pointer(w, space->tstate_current);
	if (state && python_pointer(w, state + space->thread_id) == thread)
		return state;
	state = python_specific(w, space, thread);
	return state && python_pointer(w, state + space->thread_id) == thread ? state : 0;
}

/* Finds the innermost frame of @state; no frame is not an error. */
static __always_inline void python_begin(
	struct python_walk *w, const struct python_space *space, __u64 state)
{
	w->size = 0; /* what was read for an earlier walk */
	w->last = 0;
	w->frame = python_pointer(w, state + space->thread_frame);
	if (space->has_cframe)
		w->frame = w->frame ? python_pointer(w, w->frame + space->cframe_frame) : 0;
}

#define PYTHON_PAGE 4096ull

/* Reads @size bytes at @start, at most a window. */
static __always_inline int python_fill_window(struct python_walk *w, __u64 start, __u64 size)
{
	w->start = start;
	w->size = 0;
	if (size > PYTHON_WINDOW_BYTES)
		size = PYTHON_WINDOW_BYTES;
	if (python_read(w, w->window, size, start))
		return -1;
	w->size = size;
	return 0;
}

/*
 * Makes the window hold the frame. Its caller's lies below it, mostly: so the window ends with this
 * frame, but begins on its page, as the page before may not be there. What lies far from the frame
 * before (a generator's, all of 3.9 and 3.10) is read alone.
 */
static __always_inline int python_cover(
	struct python_walk *w, const struct python_space *space, __u64 frame, __u64 size)
{
	__u64 end = frame + size, start = end - PYTHON_WINDOW_BYTES;
	__u64 page = frame & ~(PYTHON_PAGE - 1), distance = w->last - frame;

	if (w->size >= size && frame - w->start <= w->size - size)
		return 0;
	if (space->marks == PYTHON_MARKS_ALL || frame & 7 ||
		(w->last && distance > PYTHON_WINDOW_BYTES))
		return python_fill_window(w, frame, size);
	if (start < page)
		start = page;
	start &= ~7ull;
	if (!python_fill_window(w, start, end - start))
		return 0;
	return python_fill_window(w, frame, size);
}

/* A word of the frame that the window holds. */
static __always_inline __u64 python_frame_word(
	const struct python_walk *w, __u64 frame, __u32 offset)
{
	return *(const __u64 *)(w->window + ((frame - w->start + offset) & PYTHON_WINDOW_MASK));
}

/* Half the offset of the instruction that a frame is at, whose word of it is @at. */
static __always_inline __u64 python_instruction(
	const struct python_space *space, __u64 at, __u64 code)
{

	if (space->instr_scale) {
		at = (__s32)at < 0 ? 0 : (__u64)(__u32)at * space->instr_scale;
	} else {
		at -= code + space->code_bytes;
		if ((__s64)at < 0) /* in front of the first one */
			at = 0;
	}
	at /= 2;
	return at < PYTHON_OFFSET_MAX ? at : PYTHON_OFFSET_MAX;
}

static __always_inline int python_identity(
	struct python_walk *w, const struct python_space *space, __u64 code, __u32 *identity)
{
	__u32 size = space->code_size;

	if (size > PYTHON_READ_BYTES)
		size = PYTHON_READ_BYTES;
	if (python_read(w, w->buffer, size, code + space->code_first_line))
		return -1;
	*identity = python_identity_of(python_word(w, 0), python_word(w, space->code_filename),
		python_word(w, space->code_filename + 8));
	return 0;
}

/*
 * Reads one frame. PYTHON_CONTINUE: there may be more; words[0] is 0 where it was a shim, which
 * makes the frame before it the outermost of its run.
 */
static __always_inline int python_frame(
	struct python_walk *w, const struct python_space *space, __u64 words[2])
{
	__u32 size = space->frame_size, identity = 0;
	__u64 frame = w->frame, code, offset;
	__u8 mark;

	words[0] = words[1] = 0;
	if (!frame)
		return PYTHON_COMPLETE;
	if (size > PYTHON_READ_BYTES)
		size = PYTHON_READ_BYTES;
	if (python_cover(w, space, frame, size))
		return PYTHON_BAD_MEMORY;
	mark = python_frame_word(w, frame, space->frame_mark);
	code = python_frame_word(w, frame, space->frame_code) & ~3ull & PYTHON_ADDRESS;
	w->last = frame;
	w->frame = python_frame_word(w, frame, space->frame_previous);
	if (space->marks == PYTHON_MARKS_SHIM && mark >= PYTHON_OWNER_C)
		return PYTHON_CONTINUE;
	offset = python_instruction(space, python_frame_word(w, frame, space->frame_instr), code);
	if (python_identity(w, space, code, &identity))
		return PYTHON_BAD_MEMORY;
	words[0] = PYTHON_FRAME | code;
	if (space->marks == PYTHON_MARKS_ALL || (space->marks == PYTHON_MARKS_ENTRY && mark))
		words[0] |= PYTHON_ENTRY;
	words[1] = PYTHON_FRAME | offset << PYTHON_OFFSET_SHIFT | identity;
	return PYTHON_CONTINUE;
}

#endif
