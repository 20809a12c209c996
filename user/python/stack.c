/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/stack.h"

#include <errno.h>
#include <string.h>

struct python_walk;
static int python_read(struct python_walk *w, void *to, __u32 size, __u64 address);

#include "python_step.h"

/* struct pthread.tid on x86-64: glibc's nptl/descr.h, tcbhead_t padded to 704 bytes, then list_t.
 */
#define GLIBC_TID_OFFSET 0x2d0

/* Longer chains are not chains. */
#define MAX_INTERPRETERS 4096
#define MAX_THREADS 65536

static int python_read(struct python_walk *w, void *to, __u32 size, __u64 address)
{
	const struct python_memory *memory = (const struct python_memory *)(uintptr_t)w->context;

	return memory->read(memory->context, address, to, size);
}

static uint64_t read_pointer(const struct python_process *process, uint64_t address)
{
	uint64_t value;

	if (process->memory.read(process->memory.context, address, &value, sizeof(value)))
		return 0;
	return value;
}

/* By the C library's descriptor, which a fork keeps true; the thread state's own number is of the
 * parent where Python does not know of the fork. */
static uint32_t read_tid(const struct python_process *process, uint64_t state, uint64_t thread)
{
	uint32_t tid = 0;

	if (thread &&
		!process->memory.read(
			process->memory.context, thread + GLIBC_TID_OFFSET, &tid, sizeof(tid)) &&
		tid)
		return tid;
	if (process->layout->thread_native_id)
		tid = (uint32_t)read_pointer(process, state + process->layout->thread_native_id);
	return tid;
}

static uint64_t find_gil(const struct python_process *process, uint64_t interpreter)
{
	if (process->layout->runtime_gil)
		return process->runtime + process->layout->runtime_gil;
	return read_pointer(process, interpreter + process->layout->interpreter_gil);
}

static int list_interpreter(
	const struct python_process *process, uint64_t interpreter, python_threads *threads)
{
	const struct python_layout *layout = process->layout;
	uint64_t state = read_pointer(process, interpreter + layout->threads);
	uint64_t gil = find_gil(process, interpreter);

	for (; state && threads->size < MAX_THREADS;
		state = read_pointer(process, state + layout->thread_next)) {
		struct python_thread thread = {
			.state = state,
			.thread = read_pointer(process, state + layout->thread_id),
			.gil = gil,
		};

		thread.tid = read_tid(process, state, thread.thread);
		if (vec_push(threads, thread))
			return -ENOMEM;
	}
	return 0;
}

int python_threads__list(const struct python_process *process, python_threads *threads)
{
	uint64_t interpreter =
		read_pointer(process, process->runtime + process->layout->interpreters);

	for (size_t i = 0; interpreter && i < MAX_INTERPRETERS; i++) {
		int err = list_interpreter(process, interpreter, threads);

		if (err)
			return err;
		interpreter =
			read_pointer(process, interpreter + process->layout->interpreter_next);
	}
	return 0;
}

struct python_place python_place__of(const __u64 words[2])
{
	uint32_t half = words[1] >> PYTHON_OFFSET_SHIFT & PYTHON_OFFSET_MAX;

	return (struct python_place){
		.code = words[0] & PYTHON_ADDRESS,
		.offset = half == PYTHON_OFFSET_MAX ? UINT32_MAX : 2 * half,
		.identity = (uint32_t)words[1],
		.is_entry = words[0] & PYTHON_ENTRY,
	};
}

size_t python_stack__walk(const struct python_process *process, uint64_t state,
	struct python_place *places, size_t limit)
{
	struct python_walk walk = {.context = (uintptr_t)&process->memory};
	size_t count = 0;

	python_begin(&walk, &process->space, state);
	/* Each frame may have a shim. */
	for (size_t i = 0; i < 2 * limit && count < limit; i++) {
		__u64 words[2];

		if (python_frame(&walk, &process->space, words) != PYTHON_CONTINUE)
			break;
		if (words[0])
			places[count++] = python_place__of(words);
		else if (count)
			places[count - 1].is_entry = true;
	}
	return count;
}

int python_gil__read(const struct python_process *process, uint64_t address, struct python_gil *out)
{
	uint8_t bytes[PYTHON_GIL_CONDITION];
	uint32_t locked;
	int err = process->memory.read(process->memory.context, address, bytes, sizeof(bytes));

	if (err)
		return err;
	*out = (struct python_gil){.address = address};
	memcpy(&out->holder, bytes + PYTHON_GIL_LAST_HOLDER, sizeof(out->holder));
	memcpy(&locked, bytes + PYTHON_GIL_LOCKED, sizeof(locked));
	/* -1 before it was created. */
	out->locked = locked == 1;
	return 0;
}
