/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the watch has reported and what still lasts: deadlocks, and what hangs otherwise. */
#ifndef MEMTRACE_BLOCKED_WATCH_KNOWN_H
#define MEMTRACE_BLOCKED_WATCH_KNOWN_H

#include "base/vec.h"
#include "blocked/look.h"
#include "locks/finding.h"

/* One thread of a finding, enough to see whether it still waits as it did. */
struct known_wait {
	pid_t pid;
	pid_t tid;
	uint64_t start_ns;
	uint64_t argument; /* the first of its system call: the futex word, or the descriptor */
	bool polls;	   /* waits in turns, and may be found awake: for the GIL */
};

struct known_finding {
	enum verdict verdict;
	uint64_t identity;
	uint64_t number; /* 1, 2, 3... in the order of reports */
	uint64_t found_ns;
	char headline[256];
	VEC(struct known_wait) waits;
};

struct known_findings {
	VEC(struct known_finding) list;
	uint64_t count;	    /* reported so far */
	uint64_t deadlocks; /* of these, cycles */
};

/* Notes @finding. NULL where it is known already, or memory is short. */
const struct known_finding *known__add(struct known_findings *known,
	const struct lock_findings *findings, const struct finding *finding);

/* Why a finding has dissolved. */
enum dissolution { DISSOLVED_NOT = 0, DISSOLVED_EXIT, DISSOLVED_WAKE };

/* Whether all of its waits still last in @look, whose threads are sorted. */
enum dissolution known__check(const struct known_finding *finding, const struct look *look);

/* Forgets the one at @index. */
void known__remove(struct known_findings *known, size_t index);
void known__free(struct known_findings *known);

#endif
