/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Python frames of the current thread, behind the native ones of its stack record. Code objects are
 * sent as they are met, so that they have names when they are gone.
 */
#ifndef MEMTRACE_PYTHON_BPF_H
#define MEMTRACE_PYTHON_BPF_H

#include "state.bpf.h"

static __always_inline int python_read(struct python_walk *w, void *to, __u32 size, __u64 address)
{
	return bpf_probe_read_user(to, size, (const void *)address);
}

#include "python_step.h"
#include "unwind.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, UNWIND_MAX_PROCESSES);
	__type(key, __u32); /* process instance */
	__type(value, struct python_space);
} python_spaces SEC(".maps");

/*
 * Code objects that were sent already, direct mapped: one that is pushed out is sent once more. A
 * large program has some 20,000 functions.
 */
#define SENT_CODES 65536

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENT_CODES);
	__type(key, __u32);
	__type(value, __u64);
} sent_codes SEC(".maps");

/* CO-RE flavours: of what only one architecture has. */
struct thread_struct___python {
	unsigned long fsbase;
} __attribute__((preserve_access_index));

struct task_struct___python {
	struct thread_struct___python thread;
} __attribute__((preserve_access_index));

/* pthread_self() of the current thread, by the kernel's register of thread-local storage. */
static __always_inline __u64 python_current_thread(void)
{
#ifdef __TARGET_ARCH_x86
	struct task_struct___python *task = (void *)bpf_get_current_task_btf();

	return BPF_CORE_READ(task, thread.fsbase);
#else
	return 0;
#endif
}

/* At most @room, in a way that the compiler leaves for the verifier of Linux 6.1 to see. */
static __always_inline __u64 python_bounded(__u64 size, __u64 room)
{
	asm volatile("" : "+r"(size));
	if (size > room)
		size = room;
	return size;
}

/* Characters of the str at @address, as they are. */
static __always_inline void python_copy_text(struct python_walk *w,
	const struct python_space *space, __u64 address, struct python_text *text, void *bytes,
	__u32 room)
{
	__u64 length, size;

	text->state = 0;
	text->length = 0;
	if (!address || python_read(w, w->buffer, 40, address))
		return;
	length = python_word(w, 16);
	text->state = python_word(w, 32);
	/* Characters of 1, 2 or 4 bytes; the highest kind is that of what is not a str. */
	size = text->state >> PYTHON_KIND_SHIFT & PYTHON_KIND_MASK;
	if (!(text->state & PYTHON_TEXT_COMPACT) || !size || size > 4)
		return;
	if (length > room / 4 * 4 / size)
		length = room / 4 * 4 / size;
	address += text->state & PYTHON_TEXT_ASCII ? space->ascii_size : space->compact_size;
	size = python_bounded(size * length, room);
	if (size && !bpf_probe_read_user(bytes, size, (const void *)address))
		text->length = length;
}

/* Where the line table of @code is, and how long. */
static __always_inline __u64 python_lines_of(
	struct python_walk *w, const struct python_space *space, __u64 code, __u32 *size)
{
	__u64 lines = python_pointer(w, code + space->code_lines);
	__u64 length = lines ? python_pointer(w, lines + 16) : 0;

	*size = length < PYTHON_SENT_LINES_MAX ? length : PYTHON_SENT_LINES_MAX;
	return lines + 32;
}

static __always_inline int python_fill_code(struct thread_state *state,
	const struct python_space *space, struct event_python_code *event, __u64 code,
	__u32 identity, __u64 lines, __u32 size, __u32 room)
{
	struct python_walk *w = &state->python;
	__u64 bounded;

	fill_header(&event->header, state, EVENT_PYTHON_CODE, 0);
	event->header.flags = space->minor;
	event->code = code;
	event->image = space->image;
	event->identity = identity;
	event->first_line = python_pointer(w, code + space->code_first_line);
	python_copy_text(w, space, python_pointer(w, code + space->code_name), &event->name,
		event->name_bytes, PYTHON_SENT_NAME);
	python_copy_text(w, space, python_pointer(w, code + space->code_file), &event->file,
		event->file_bytes, PYTHON_SENT_FILE);
	event->lines_size = 0;
	bounded = python_bounded(size, room);
	if (bounded && !bpf_probe_read_user(event->lines, bounded, (const void *)lines))
		event->lines_size = bounded;
	return 0;
}

/* 0, or -1: the ring had no room. */
static __noinline int python_send_code(
	struct thread_state *state, const struct python_space *space, __u64 code, __u32 identity)
{
	struct event_python_code *event;
	__u64 lines;
	__u32 size;

	if (!state || !space)
		return -1;
	lines = python_lines_of(&state->python, space, code, &size);
	if (size <= PYTHON_SENT_LINES) {
		event = bpf_ringbuf_reserve(&ring, sizeof(*event) + PYTHON_SENT_LINES, 0);
		if (!event)
			return -1;
		python_fill_code(
			state, space, event, code, identity, lines, size, PYTHON_SENT_LINES);
	} else {
		event = bpf_ringbuf_reserve(&ring, sizeof(*event) + PYTHON_SENT_LINES_MAX, 0);
		if (!event)
			return -1;
		python_fill_code(
			state, space, event, code, identity, lines, size, PYTHON_SENT_LINES_MAX);
	}
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void python_announce(
	struct thread_state *state, const struct python_space *space, __u64 words[2])
{
	__u64 code = words[0] & PYTHON_ADDRESS;
	__u64 mixed = (code ^ (words[1] << 32) ^ space->image) * PYTHON_MIX | 1;
	__u32 index = mixed >> 40 & (SENT_CODES - 1);
	__u64 *sent = bpf_map_lookup_elem(&sent_codes, &index);

	if (!sent || *sent == mixed)
		return;
	if (!python_send_code(state, space, code, words[1]))
		*sent = mixed;
}

struct python_loop {
	struct thread_state *state;
	struct python_space *space;
	int stop;
};

static long python_loop_frame(__u32 i, struct python_loop *loop)
{
	struct thread_state *state = loop->state;
	struct unwind_walk *walk = &state->walk;
	__u64 words[2];
	int stop = python_frame(&state->python, loop->space, words);

	if (stop != PYTHON_CONTINUE) {
		loop->stop = stop;
		return 1;
	}
	if (!words[0]) {
		/* Its mark is not part of the hash: their order shows which frames are entries. */
		walk->frames[(walk->record.frame_count - 2) & (EVENT_MAX_FRAMES - 1)] |=
			PYTHON_ENTRY;
		return 0;
	}
	if (walk->record.frame_count + 2 > EVENT_MAX_FRAMES)
		return 1;
	python_announce(state, loop->space, words);
	unwind_append(walk, words[0]);
	unwind_append(walk, words[1]);
	return 0;
}

/* Adds the Python frames of the current thread to state->walk. */
static __noinline int python_walk_frames(struct thread_state *state)
{
	struct python_loop loop = {.state = state, .stop = PYTHON_TRUNCATED};
	__u64 thread, python;
	__u32 process;

	if (!state)
		return 0;
	process = state->process;
	loop.space = bpf_map_lookup_elem(&python_spaces, &process);
	if (!loop.space || state->walk.record.frame_count + 3 > EVENT_MAX_FRAMES)
		return 0;
	thread = python_current_thread();
	python = python_thread_state(&state->python, loop.space, thread);
	if (python) {
		python_begin(&state->python, loop.space, python);
		unwind_append(&state->walk, PYTHON_FRAME |
						    (__u64)loop.space->minor << PYTHON_MINOR_SHIFT |
						    loop.space->image);
		bpf_loop(EVENT_MAX_FRAMES, python_loop_frame, &loop, 0);
	} else {
		loop.stop = PYTHON_NO_THREAD;
	}
	state->walk.record.header.flags |= loop.stop << PYTHON_STOP_SHIFT;
	return 0;
}

/* At fork, before userland knows of the child. */
static __always_inline void python__share_space(__u32 parent, __u32 child)
{
	struct python_space *space = bpf_map_lookup_elem(&python_spaces, &parent);

	if (space)
		bpf_map_update_elem(&python_spaces, &child, space, BPF_ANY);
}

#endif
