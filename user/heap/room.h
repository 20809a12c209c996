/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * How much the model takes, by its own account, where heap_options.memory_limit bounds it: blocks
 * and call sites share the limit. What finds no room is counted: a stack among the refused ones,
 * its blocks at SITE_TABLE_FULL; a block as forgotten.
 */
#ifndef MEMTRACE_HEAP_ROOM_H
#define MEMTRACE_HEAP_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/heap.h"

/* Bytes for one, in a table that has just grown. */
#define ROOM_BLOCK 48
#define ROOM_STACK 64 /* hash → site, of one process */
/* A site with its lifetimes, its share, its place in the index, and its copy in a report. */
#define ROOM_SITE 1400
#define ROOM_FRAME 72 /* of a site, and its copies in a report */
#define ROOM_LEFT 96  /* blocks that a process left, of one site and age */
#define ROOM_SHARE 96 /* what a thread did at a site */

/* Whether there is room for @bytes more. */
bool heap__has_room(const struct heap *heap, uint64_t bytes);

/* The same for a call site, its frames or its stacks, which may take only a part of it. */
bool heap__has_site_room(const struct heap *heap, uint64_t bytes);

#endif
