/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Waits that are alike as one block of the page: the same process, verdict and owner, the same lock
 * (or, where nobody owns one, the same kind), from the same stack. What needs a person's eye comes
 * first, and within that the application's own waits; idle threads of runtimes are counted apart.
 */
#ifndef MEMTRACE_REPORT_LOCKS_BLOCKS_H
#define MEMTRACE_REPORT_LOCKS_BLOCKS_H

#include "base/vec.h"
#include "locks/finding.h"

struct wait_block {
	size_t wait;	   /* the first of them */
	size_t count;	   /* how many */
	size_t locks;	   /* how many locks those wait for */
	uint64_t longest;  /* ns, LOCK_AGE_UNKNOWN where no age is known */
	uint64_t shortest; /* the same */
	size_t urgency;	   /* 0: most */
	size_t depth;	   /* waits from the first of them to the end of its chain */
	const char *idle;  /* the runtime whose idle threads they are; NULL: no such */
	bool is_owner;	   /* others wait for one of them: never left out */
};

typedef VEC(struct wait_block) wait_blocks;

/* Fills @out with the waits that are in no confirmed cycle nor behind one, in the page's order;
 * with @finding, which may be NULL, those of it alone. 0 or -ENOMEM; the caller frees @out with
 * vec_free. */
int locks_blocks__find(
	const struct lock_findings *findings, const struct finding *finding, wait_blocks *out);

#endif
