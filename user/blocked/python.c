/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/python.h"

#include <string.h>

#include "process/memory.h"

/* sizeof(pthread_cond_t) */
#define CONDITION_SIZE 48

/* PyObject: ob_type; PyTypeObject: tp_name. */
#define OBJECT_TYPE 8
#define TYPE_NAME 24
/* lockobject and rlockobject of Modules/_threadmodule.c, until 3.13: lock_lock; rlock_owner. */
#define LOCK_LOCK 16
#define RLOCK_OWNER 24
#define LOCK_BYTES 40

/* From the wait's stack pointer on so much is searched for the lock object: a few small frames. */
#define SEARCHED_WORDS 256

static int read_memory(void *context, uint64_t address, void *to, size_t size)
{
	return memory__read_all((pid_t)(intptr_t)context, address, to, size);
}

int subject_python__read(struct subject_python *python, const struct python_runtime *runtime,
	uint64_t bias, pid_t pid)
{
	subject_python__free(python);
	python->pid = pid;
	python->runtime = runtime;
	python->bias = bias;
	python->process = (struct python_process){
		.layout = runtime->layout,
		.memory = {read_memory, (void *)(intptr_t)pid},
		.space = python_runtime__space(runtime, bias),
		.runtime = bias + runtime->runtime,
	};
	return python_threads__list(&python->process, &python->threads);
}

void subject_python__free(struct subject_python *python)
{
	vec_free(&python->threads);
	*python = (struct subject_python){0};
}

const struct python_thread *subject_python__thread(const struct subject_python *python, pid_t tid)
{
	vec_for_each (thread, &python->threads)
		if (thread->tid == (uint32_t)tid)
			return thread;
	return NULL;
}

static const struct python_thread *find_state(const struct subject_python *python, uint64_t state)
{
	vec_for_each (thread, &python->threads)
		if (thread->state == state)
			return thread;
	return NULL;
}

/* The GIL's condition variable is waited on by those who want it, and by nobody else. */
static bool find_gil(const struct subject_python *python, uint64_t uaddr, struct lock_python *out)
{
	vec_for_each (thread, &python->threads) {
		const struct python_thread *holder;
		struct python_gil gil;

		if (!thread->gil || uaddr < thread->gil + PYTHON_GIL_CONDITION ||
			uaddr >= thread->gil + PYTHON_GIL_CONDITION + CONDITION_SIZE)
			continue;
		if (python_gil__read(&python->process, thread->gil, &gil))
			return false;
		holder = gil.locked ? find_state(python, gil.holder) : NULL;
		*out = (struct lock_python){
			.kind = LOCK_PYTHON_GIL,
			.address = thread->gil,
			.is_free = !gil.locked,
			.owner = holder ? holder->tid : 0,
		};
		return true;
	}
	return false;
}

static bool read_type(const struct subject_python *python, uint64_t type, char name[16])
{
	uint64_t text;

	memset(name, 0, 16);
	return !memory__read_all(python->pid, type + TYPE_NAME, &text, sizeof(text)) &&
	       memory__read(python->pid, text, name, 15) > 0;
}

/* Whether the object at @address is a lock whose semaphore is at @uaddr; then fills @out. */
static bool is_lock(const struct subject_python *python, uint64_t address, uint64_t uaddr,
	struct lock_python *out)
{
	uint64_t words[LOCK_BYTES / 8];
	char name[16];

	if (address % 8 || !address ||
		memory__read_all(python->pid, address, words, sizeof(words)) ||
		words[LOCK_LOCK / 8] != uaddr || !read_type(python, words[OBJECT_TYPE / 8], name))
		return false;
	*out = (struct lock_python){.kind = LOCK_PYTHON_LOCK, .address = address};
	if (!strcmp(name, "_thread.lock"))
		return true;
	if (strcmp(name, "_thread.RLock"))
		return false;
	out->kind = LOCK_PYTHON_RLOCK;
	vec_for_each (thread, &python->threads)
		if (words[RLOCK_OWNER / 8] == thread->thread)
			out->owner = thread->tid;
	return true;
}

/* Of a lock object its own methods hold the address: in a register, or on the stack. */
static bool find_lock(const struct subject_python *python, const struct lock_thread *thread,
	uint64_t uaddr, struct lock_python *out)
{
	uint64_t words[SEARCHED_WORDS];
	ssize_t size;

	for (size_t i = 0; i < thread->saved_count; i++)
		if (is_lock(python, thread->saved[i], uaddr, out))
			return true;
	if (!thread->frame_count)
		return false;
	size = memory__read(python->pid, thread->frames[0].slot, words, sizeof(words));
	for (ssize_t i = 0; i < size / 8; i++)
		if (is_lock(python, words[i], uaddr, out))
			return true;
	return false;
}

bool subject_python__lock(const struct subject_python *python, const struct lock_thread *thread,
	uint64_t uaddr, struct lock_python *out)
{
	if (!python->runtime || !subject_python__thread(python, thread->ns_tid))
		return false;
	return find_gil(python, uaddr, out) || find_lock(python, thread, uaddr, out);
}
