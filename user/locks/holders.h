/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Who holds a lock that names no owner (readers of a rwlock, locks of Rust and of other libraries,
 * words of an application's own), by what the threads know of it: see evidence.h. In a process that
 * hangs as a whole, whoever has it waits, and so the evidence makes the owner inferred; where other
 * threads sleep as well, it is only suspected.
 */
#ifndef MEMTRACE_LOCKS_HOLDERS_H
#define MEMTRACE_LOCKS_HOLDERS_H

#include "locks/waits.h"

/* Fills in owners, or says in the reason which threads it may be. 0 or -ENOMEM. */
int holders__find(const struct snapshot *snapshot, const struct lock_memory *memory,
	struct lock_waits *waits);

#endif
