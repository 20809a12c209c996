/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which processes have old futex waits that differ from those last judged, or whose words or number
 * of threads have changed: idle threads that wait for work all day are judged once, not every
 * second.
 */
#ifndef MEMTRACE_BLOCKED_WATCH_CHANGED_H
#define MEMTRACE_BLOCKED_WATCH_CHANGED_H

#include "base/hash.h"
#include "blocked/look.h"
#include "blocked/watch_filter.h"

/* Waits younger than this are not judged: most of them end by themselves. */
#define CHANGED_MIN_AGE_NS 100000000ull

/* More than any machine has of processes with blocked threads: then what was noted of processes
 * that are gone is forgotten, with the rest, which is judged once more. */
#define CHANGED_MAX_SIGNATURES 65536

/* pid -> signature of its waits */
DEFINE_HASH_NUMBER(signature_map, uint64_t, uint64_t);

struct changed {
	struct signature_map judged;
};

typedef VEC(pid_t) changed_pids;

/*
 * Appends to @pids the processes of @look that @filter wants and that have changed, and notes them
 * as judged. Returns 0 or -ENOMEM.
 */
int changed__list(struct changed *changed, const struct look *look,
	const struct watch_filter *filter, changed_pids *pids);

void changed__free(struct changed *changed);

#endif
