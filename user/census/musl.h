/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * musl's malloc of 1.2.1 and newer ("mallocng") on 64-bit machines, as its memory shows it.
 * Layouts: src/malloc/mallocng/meta.h of 1.2.3 (struct meta, meta_area, group, malloc_context).
 *
 * Blocks are slots of groups. What tells whether a slot is in use lies apart from the groups, in
 * areas of `struct meta` that form a list; each area begins with the process's secret, by which
 * they are found. A small group is itself a slot of a larger one.
 */
#ifndef MEMTRACE_CENSUS_MUSL_H
#define MEMTRACE_CENSUS_MUSL_H

#include "census/reader.h"
#include "census/survey.h"

/* struct malloc_context: secret, [page size,] init_done and mmap_counter, four lists' words, then:
 */
#define MUSL_AREA_HEAD 56
#define MUSL_AREA_HEAD_PAGESIZE 64 /* on machines whose page size is no constant */
#define MUSL_CONTEXT_SIZE 928

/* struct meta_area: check, next, nslots; then its metas. An area is a page, whatever its size. */
#define MUSL_AREA_METAS 24
#define MUSL_META_SIZE 40
#define MUSL_MAX_METAS ((CENSUS_PAGE - MUSL_AREA_METAS) / MUSL_META_SIZE)

#define MUSL_UNIT 16u
/* Of each slot its last bytes are the next one's header: offset (2), index and reserved (1), check.
 */
#define MUSL_HEADER 4u
#define MUSL_CLASSES 48u

/* A group, and its meta as it was read. */
struct musl_group {
	uint64_t memory;   /* struct group; its slots begin a unit behind */
	uint64_t meta;	   /* address */
	uint64_t map_size; /* bytes; 0: it is a slot of another group, or between others' memory */
	uint64_t stride;   /* bytes of a slot */
	uint32_t free;	   /* bit n: the n-th slot is free */
	uint8_t slots;
	bool is_mapped; /* its one slot has a mapping of its own */
};

#endif
