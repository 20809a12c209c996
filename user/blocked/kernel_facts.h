/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the kernel tells of waits that are not for a futex, for locks/kernel_wait.h: /proc/locks,
 * descriptors, peers of sockets, children, semaphores of System V. Tables of the whole machine are
 * read when the first wait asks for them, once in a look.
 */
#ifndef MEMTRACE_BLOCKED_KERNEL_FACTS_H
#define MEMTRACE_BLOCKED_KERNEL_FACTS_H

#include "locks/kernel_wait.h"

struct kernel_facts;

/* NULL: no memory. */
struct kernel_facts *kernel_facts__new(void);
void kernel_facts__free(struct kernel_facts *facts);

/* A look that was taken at @taken_ns begins: tables of an earlier one are forgotten. */
void kernel_facts__begin(struct kernel_facts *facts, uint64_t taken_ns);

/* See struct lock_memory. */
bool kernel_facts__find(
	struct kernel_facts *facts, const struct lock_thread *thread, struct kernel_wait *out);

/*
 * Who has the other end of the pipe or Unix socket that @thread reads or writes: "the other end is
 * open in c (PID 12)", at most @size bytes. False: it does neither, or nothing is known.
 */
bool kernel_facts__describe_end(
	struct kernel_facts *facts, const struct lock_thread *thread, char *out, size_t size);

#endif
