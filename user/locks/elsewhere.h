/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Waits whose futex word is not in the lock: glibc parks a thread whose PI lock the kernel refused
 * on a word of its own stack, and libc++ and GLib let threads wait for a once or a guard on a
 * condition variable that all of them share. Where the lock is, the waiter's registers and stack
 * tell: its address was saved there by the function that waits.
 */
#ifndef MEMTRACE_LOCKS_ELSEWHERE_H
#define MEMTRACE_LOCKS_ELSEWHERE_H

#include "locks/waits.h"

/*
 * A PI lock that would close a cycle, or whose owner is dead, is refused by the kernel (EDEADLK,
 * ESRCH), and the C library then lets the thread wait forever (glibc pthread_mutex_lock.c "Delay
 * the thread indefinitely", musl pthread_mutex_timedlock.c). If @wait is such a one: sets its state
 * and `parked`, returns true.
 */
bool elsewhere__find_parked(const struct snapshot *snapshot, const struct lock_memory *memory,
	bool musl, struct lock_wait *wait);

/*
 * The once flag of libc++'s call_once (an unsigned long) or GLib's GOnce (an int first), which are
 * 1 while the initializer runs: the one that is at hand both in the waiter and in a thread inside
 * the initializer; or Rust's, which is the futex word itself. Sets the state's address and the
 * inferred owner.
 */
bool elsewhere__find_once(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_wait *wait);

/* libc++abi's guard (cxa_guard_impl.h, InitByteGlobalMutex): who initializes stands in it. Sets
 * the state, its owner included. */
bool elsewhere__find_guard(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_wait *wait);

#endif
