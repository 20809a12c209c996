/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The futex system calls, decoded: futex(2), futex_waitv(2) (Linux 5.16) and futex_wait,
 * futex_requeue (6.7). Numbers: asm-generic and x86-64 agree on all but the first.
 */
#ifndef MEMTRACE_LOCKS_FUTEX_H
#define MEMTRACE_LOCKS_FUTEX_H

#include "locks/snapshot.h"

enum futex_wait_type {
	FUTEX_TYPE_PLAIN,      /* WAIT, WAIT_BITSET, futex_wait: until woken */
	FUTEX_TYPE_PI,	       /* LOCK_PI, LOCK_PI2: the kernel hands the lock over */
	FUTEX_TYPE_REQUEUE_PI, /* a PI condition variable */
	FUTEX_TYPE_VECTOR,     /* futex_waitv: until any of several is woken */
	FUTEX_TYPE_NONE,       /* no futex: a wait in another system call; uaddr is its first
				  argument, expected says nothing */
};

struct futex_wait {
	enum futex_wait_type type;
	uint64_t uaddr;	   /* VECTOR: the array of struct futex_waitv */
	uint32_t expected; /* VECTOR: how many that are */
	bool timed;
	uint64_t timeout; /* address of the struct timespec that bounds it, 0: none, or not known */
	bool until;	  /* that is a point in time, not a duration */
	bool of_day;	  /* of CLOCK_REALTIME, not of CLOCK_MONOTONIC */
	bool is_private;  /* FUTEX_PRIVATE_FLAG: keyed by address alone */
};

/* struct futex_waitv of linux/futex.h, which older headers lack. */
struct futex_vector {
	uint64_t expected;
	uint64_t uaddr;
	uint32_t flags; /* FUTEX2_* */
	uint32_t reserved;
};
/* FUTEX2_PRIVATE of futex_wait(2) and futex_waitv(2): the same bit as FUTEX_PRIVATE_FLAG. */
#define FUTEX2_FLAG_PRIVATE 128

/* Whether @thread sleeps in a futex call that waits, or was stopped in it; then fills @out. */
bool futex__decode(const struct lock_thread *thread, struct futex_wait *out);

/* The same of a thread that may have been woken, and not be back from the call yet. */
bool futex__decode_call(const struct lock_thread *thread, struct futex_wait *out);

#endif
