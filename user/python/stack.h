/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The Python stacks of a process's threads, and who has the GIL, read from outside. */
#ifndef MEMTRACE_PYTHON_STACK_H
#define MEMTRACE_PYTHON_STACK_H

#include "base/vec.h"
#include "python/code.h"

/* An interpreter in a process. */
struct python_process {
	const struct python_layout *layout;
	struct python_memory memory;
	struct python_space space;
	uint64_t runtime; /* address of _PyRuntime */
};

struct python_thread {
	uint64_t state;	 /* address of its PyThreadState */
	uint64_t thread; /* pthread_self() */
	uint32_t tid;	 /* as its own pid namespace numbers it; 0: unknown */
	uint64_t gil;	 /* address of the GIL that it needs; 0: unknown */
};

typedef VEC(struct python_thread) python_threads;

/*
 * Appends the threads of all interpreters. What changes meanwhile may be missing. The caller frees
 * @threads. 0 or -ENOMEM.
 */
int python_threads__list(const struct python_process *process, python_threads *threads);

/* A frame, as the walk has it. */
struct python_place {
	uint64_t code;	   /* address of the code object */
	uint32_t offset;   /* of the instruction, bytes; UINT32_MAX: too far for a line */
	uint32_t identity; /* python.h */
	bool is_entry;	   /* the outermost of its run */
};

/* From the two words of a record. */
struct python_place python_place__of(const __u64 words[2]);

/* The frames of the thread with @state, innermost first, at most @limit; how many. */
size_t python_stack__walk(const struct python_process *process, uint64_t state,
	struct python_place *places, size_t limit);

struct python_gil {
	uint64_t address;
	bool locked;
	uint64_t holder; /* PyThreadState of who has it, or had it last */
};

/* Reads the GIL at @address: 0 or a negative errno. */
int python_gil__read(
	const struct python_process *process, uint64_t address, struct python_gil *out);

#endif
