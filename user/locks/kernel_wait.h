/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Waits in the kernel that are not for a futex and yet for somebody: for a lock on a file, a
 * semaphore of System V, a pipe or socket whose other end another process has, a child. What is
 * known of one comes from lock_memory's kernel_wait; who of it is an owner is judged here.
 *
 * A thread that could end the wait is an owner only if no other could: a process of one thread, or
 * one whose other threads all wait for locks.
 */
#ifndef MEMTRACE_LOCKS_KERNEL_WAIT_H
#define MEMTRACE_LOCKS_KERNEL_WAIT_H

#include "locks/waits.h"

/* More processes that have a pipe's other end than this are not looked at one by one. */
#define KERNEL_WAIT_PROCESSES 8

/* What the kernel tells of one wait. */
struct kernel_wait {
	enum wait_kind kind;	   /* WAIT_UNKNOWN: it is none of these */
	int fd;			   /* -1: none */
	char name[WAIT_NAME_SIZE]; /* "/tmp/lock", "pipe:[17]", "1 of set 5" */
	struct lock_key key;
	bool timed;
	pid_t processes[KERNEL_WAIT_PROCESSES]; /* that can end it; the waiter's own where it alone
						   can */
	size_t process_count;			/* how many there are, kept or not */
	bool own_too; /* other threads of the waiter's own process can end it */
	/* A signal's handler, of the waiter or of one of these, may do anything. */
	bool handles_signals;
	char reason[WAIT_REASON_SIZE]; /* what else is known; "" */
};

/* Whether @kind is a lock, for which one waits until its owner unlocks it; else one waits for a
 * process to do something, which is worth a word only where it leads to a lock. */
bool wait_kind__is_lock(enum wait_kind kind);

/* Whether one process alone can end the wait, and no handler of a signal: processes[0]. */
bool kernel_wait__is_for_one(const struct kernel_wait *facts);

/*
 * Whether @thread sleeps in a call that this is about; then fills @out, and appends to @waits the
 * processes that it leads to.
 */
bool kernel_wait__judge(const struct snapshot *snapshot, const struct lock_memory *memory,
	const struct lock_thread *thread, struct lock_waits *waits, struct lock_wait *out);

/* Drops waits for processes that lead to no lock, and to which none leads. 0 or -ENOMEM. */
int kernel_wait__drop_idle(struct lock_waits *waits);

#endif
