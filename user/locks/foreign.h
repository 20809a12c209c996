/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Locks of other libraries that are neither the C library's nor at their futex word: where they
 * are, and what they say. Rust's Mutex and RwLock (layouts.h); absl::Mutex, whose waiters sleep
 * each on a word of its own thread (absl/synchronization/mutex.h and internal/thread_identity.h,
 * 20200225 to 20240722); QReadWriteLock of Qt 5 and 6, made of a mutex and two conditions
 * (qreadwritelock_p.h).
 */
#ifndef MEMTRACE_LOCKS_FOREIGN_H
#define MEMTRACE_LOCKS_FOREIGN_H

#include "locks/waits.h"

/* Sets the state of @wait, whose site is of such a library, where the lock is found. */
void foreign__refine(const struct lock_memory *memory, struct lock_wait *wait);

#endif
