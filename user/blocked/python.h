/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The Python side of a process whose blocked threads are looked at: stacks, the GIL, locks. */
#ifndef MEMTRACE_BLOCKED_PYTHON_H
#define MEMTRACE_BLOCKED_PYTHON_H

#include "locks/snapshot.h"
#include "python/frames.h"
#include "python/runtime.h"

/* Deepest Python stack that is looked at; what is further out is left out. */
#define SUBJECT_PYTHON_FRAMES 512

/* Zeroed: no interpreter. */
struct subject_python {
	pid_t pid;
	const struct python_runtime *runtime; /* NULL: none that is known */
	uint64_t bias;
	struct python_process process;
	python_threads threads;
};

/* Reads the threads of the interpreter @runtime that @pid has mapped with @bias. 0 or -ENOMEM. */
int subject_python__read(struct subject_python *python, const struct python_runtime *runtime,
	uint64_t bias, pid_t pid);
void subject_python__free(struct subject_python *python);

/* The thread with @tid as its namespace numbers it, or NULL. */
const struct python_thread *subject_python__thread(const struct subject_python *python, pid_t tid);

/*
 * Whether @thread, which waits on the futex word @uaddr, waits for the GIL or for a lock of
 * threading; then fills @out.
 */
bool subject_python__lock(const struct subject_python *python, const struct lock_thread *thread,
	uint64_t uaddr, struct lock_python *out);

#endif
