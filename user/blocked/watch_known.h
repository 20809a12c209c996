/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The deadlocks that the watch has reported and that still last. */
#ifndef MEMTRACE_BLOCKED_WATCH_KNOWN_H
#define MEMTRACE_BLOCKED_WATCH_KNOWN_H

#include "base/vec.h"
#include "blocked/look.h"
#include "locks/findings.h"

/* One wait of a cycle, enough to see whether it still lasts. */
struct known_wait {
	pid_t pid;
	pid_t tid;
	uint64_t start_ns;
	uint64_t uaddr;
};

struct known_deadlock {
	uint64_t identity;
	uint64_t number; /* 1, 2, 3... in the order of reports */
	uint64_t found_ns;
	char headline[256];
	VEC(struct known_wait) waits;
};

struct known_deadlocks {
	VEC(struct known_deadlock) list;
	uint64_t count; /* reported so far */
};

/* Notes cycle @index. NULL where it is known already, or memory is short. */
const struct known_deadlock *known__add(
	struct known_deadlocks *known, const struct lock_findings *findings, size_t index);

/* Why a deadlock is no more. */
enum dissolution { DISSOLVED_NOT = 0, DISSOLVED_EXIT, DISSOLVED_WAKE };

/* Whether all of its waits still last in @look, whose threads are sorted. */
enum dissolution known__check(const struct known_deadlock *deadlock, const struct look *look);

/* Forgets the one at @index. */
void known__remove(struct known_deadlocks *known, size_t index);
void known__free(struct known_deadlocks *known);

#endif
