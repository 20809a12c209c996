/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where on its stack a blocked thread waits: which frames are the wait's own, what kind of wait
 * they make, and whether other threads are inside a function of such a kind.
 */
#ifndef MEMTRACE_LOCKS_WAIT_SITE_H
#define MEMTRACE_LOCKS_WAIT_SITE_H

#include "locks/functions.h"

/* What the stack of a blocked thread shows. */
struct wait_site {
	enum wait_kind kind;
	size_t frame;	      /* the outermost frame that belongs to the wait: the one that called
				 pthread_mutex_lock, say; frame_count where nothing was recognized */
	const char *function; /* the name that decided, as symbols have it; NULL */
	bool foreign;	      /* not of the C library: no layout is known around the word */
	bool adopted;	      /* made of a condition or semaphore: the word is that one's */
	bool low_level;	      /* lll_lock_wait was seen, and no function that decides */
	bool in_malloc;	      /* and malloc's family was */
	bool musl;
};

struct wait_site wait_site__find(const struct lock_thread *thread);

/*
 * The first frame from @from outwards that made a call of a function of @kind (the call's own
 * frames lie right below it), frame_count where there is none: who runs inside once.
 */
size_t wait_site__find_caller(const struct lock_thread *thread, size_t from, enum wait_kind kind);

/* The first frame from @from outwards in malloc's family of @module, as struct lock_frame has it.
 */
size_t wait_site__find_malloc(const struct lock_thread *thread, size_t from, const char *module);

/* Whether two frames are in the same function. */
bool lock_frame__same_function(const struct lock_frame *a, const struct lock_frame *b);

#endif
