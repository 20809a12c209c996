/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Native and Python frames merged into one stack. Each call of the interpreter's loop runs one or
 * more Python frames (a run): they take the place of its native frame. Pure.
 */
#ifndef MEMTRACE_PYTHON_MERGE_H
#define MEMTRACE_PYTHON_MERGE_H

#include "python/stack.h"

/*
 *	struct python_merge merge = python_merge__begin(places, count, loops);
 *	for each native frame that is in the loop, innermost first
 *		run = python_merge__next(&merge, &first);	places[first] to [first + run - 1]
 *	run = python_merge__rest(&merge, &first);		what no native frame was found for
 */
struct python_merge {
	const struct python_place *places; /* innermost first */
	size_t count;
	size_t next;
	size_t loops; /* native frames in the loop that are still to come */
};

/* @loops: how many native frames of the stack are in the loop. */
struct python_merge python_merge__begin(
	const struct python_place *places, size_t count, size_t loops);

/*
 * The run of the next native frame in the loop: how many frames, from *first on; 0: it runs none
 * (yet), and stays what it is. The outermost takes all that are left.
 */
size_t python_merge__next(struct python_merge *merge, size_t *first);
size_t python_merge__rest(struct python_merge *merge, size_t *first);

#endif
