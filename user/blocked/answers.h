/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What locks/ asks when it judges a snapshot: words of memory, names of locks and variables, shared
 * keys, Python's locks, waits in the kernel.
 */
#ifndef MEMTRACE_BLOCKED_ANSWERS_H
#define MEMTRACE_BLOCKED_ANSWERS_H

#include "blocked/subject.h"
#include "locks/snapshot.h"

/* The answers about the processes that @subjects were taken of; @subjects must outlive them. */
struct lock_memory answers__of(struct subjects *subjects);

#endif
