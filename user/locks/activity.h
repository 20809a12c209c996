/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a thread does that does not wait for a lock: its system call, the descriptor that it waits
 * on and what that is, the child or the peer that it waits for; or that it runs, or is stopped.
 */
#ifndef MEMTRACE_LOCKS_ACTIVITY_H
#define MEMTRACE_LOCKS_ACTIVITY_H

#include "locks/snapshot.h"

/* Longest sentence of activity__describe, the final 0 included. */
#define ACTIVITY_SIZE 320

/* Name of system call @number on this machine, NULL for those that do not usually block. */
const char *activity__syscall_name(long number);

/* Which of the arguments of system call @number is a descriptor that it waits on; -1: none. */
int activity__descriptor_argument(long number);

/* One word or two: "read", "system call 17", "page fault", "running", "stopped". */
const char *activity__name(const struct lock_thread *thread, char *buffer, size_t size);

/*
 * The same with what it is about: "read of fd 3 (pipe:[17])", "wait4 for c (PID 12)", "stopped by
 * gdb (PID 33)", "runs". Returns @buffer, of @size bytes.
 */
const char *activity__describe(const struct lock_thread *thread, char *buffer, size_t size);

#endif
