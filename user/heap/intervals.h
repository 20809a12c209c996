/*
 * A set of address ranges, [start, end), kept sorted, disjoint and merged: exact under partial and
 * overlapping additions and removals. An array: the kernel allows a process about 65,000 mappings,
 * and merged ones are far fewer.
 */
#ifndef MEMTRACE_HEAP_INTERVALS_H
#define MEMTRACE_HEAP_INTERVALS_H

#include "base/vec.h"

#include <stdint.h>

struct interval {
	uint64_t start;
	uint64_t end;
};

struct intervals {
	VEC(struct interval) list;
	uint64_t bytes; /* sum of the lengths */
};

/* Adds [start, end). 0 or -ENOMEM (nothing changed); *@overlap gets the bytes already in the set.
 */
int intervals__add(struct intervals *set, uint64_t start, uint64_t end, uint64_t *overlap);

/* Removes [start, end). 0 or -ENOMEM (nothing changed); *@removed gets the bytes that were in it.
 */
int intervals__remove(struct intervals *set, uint64_t start, uint64_t end, uint64_t *removed);

/* 0 or -ENOMEM; @copy is freed by the caller. */
int intervals__copy(struct intervals *copy, const struct intervals *set);

void intervals__free(struct intervals *set);

#endif
