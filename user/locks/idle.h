/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Threads of language runtimes and their pools that wait for work, recognized by the functions on
 * their stacks: nothing is wrong with them, and a page about locks has better things to show.
 */
#ifndef MEMTRACE_LOCKS_IDLE_H
#define MEMTRACE_LOCKS_IDLE_H

#include "locks/snapshot.h"

/* Whose idle thread it is ("the JVM", "libuv"), a constant; NULL: no such thread. */
const char *idle__runtime(const struct lock_thread *thread);

/*
 * Whether @thread is one of the JVM's own that has nothing to do and wakes nobody by itself: it
 * @waits for a futex, or for a debugger to connect. @timed_alone: with a timeout, and for no object
 * that is known, as a finalizer of the application that sleeps does.
 */
bool idle__is_apart(const struct lock_thread *thread, bool waits, bool timed_alone);

/* Whether @thread is called like one of the JVM's own that never run Java: of the thread of a JVM
 * that has no stack, because it runs. */
bool idle__is_vm_thread(const struct lock_thread *thread);

/*
 * What the runtime on the stack of @thread schedules by itself ("goroutines", "bthreads"): they
 * wait for each other without the kernel's knowing, and no thread shows it. NULL: none that is
 * known.
 */
const char *idle__user_threads(const struct lock_thread *thread);

/* Whether @thread is in the runtime of a language whose own stacks a tool of its own shows better:
 * returns what to run, with one %d for the PID; NULL: it is not. */
const char *idle__language_tool(const struct lock_thread *thread);

#endif
