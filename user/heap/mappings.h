/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The account of mmap, munmap, mremap, mprotect and brk: what the traced calls asked the kernel
 * for. It is apart from the heap: an allocator takes its blocks out of such mappings, so the two
 * must never be added up.
 *
 * Memory that the program maps itself (MAPPED_PROGRAM) is booked on the call's site, as a block of
 * the heap is: an mremap that succeeds is an munmap and an mmap; a shrinking break gives back what
 * grew last. Memory that was mapped without access is growth of the site that first makes it
 * writable. A forked child's copies are mapped there, but are not growth of any site.
 */
#ifndef MEMTRACE_HEAP_MAPPINGS_H
#define MEMTRACE_HEAP_MAPPINGS_H

#include <stdint.h>

#include "event.h"
#include "heap/mapped_ranges.h"
#include "heap/sites.h"

/* All counts are of calls that succeeded, all bytes in whole pages. */
struct mapping_counts {
	uint64_t mmap_count;
	uint64_t mmap_bytes;
	uint64_t anonymous_bytes; /* of mmap_bytes */
	uint64_t munmap_count;
	uint64_t munmap_bytes;
	uint64_t untracked_bytes; /* unmapped, moved or replaced, but mapped before the attach */
	uint64_t replaced_bytes;  /* mapped over by MAP_FIXED or mremap without an munmap */
	uint64_t mremap_count;
	uint64_t brk_count; /* calls that moved the break */
	uint64_t brk_grown_bytes;
	uint64_t brk_shrunk_bytes;
	uint64_t forgotten_count; /* calls for which memtrace had no memory */
};

/* The mappings of one address space that traced calls made and that still are. */
struct mapped {
	struct mapped_ranges ranges;
	struct mapped_ranges grown; /* below the break */
	uint64_t kind_bytes[MAPPED_KIND_COUNT];
	int64_t brk_bytes; /* break now, less the break when first seen: may be negative */
};

/* A record on its way into the account. */
struct mapping_call {
	const struct event_mapping *event;
	uint64_t page_size; /* bytes, a power of two */
	uint32_t site;	    /* of the call's stack */
};

/* Applies one record; @sites gets what the program mapped. */
void mappings__apply(struct mapped *mapped, struct mapping_counts *counts, struct sites *sites,
	const struct mapping_call *call);

/* @child, {0}, gets copies of what @parent has mapped. 0 or -ENOMEM. */
int mappings__inherit(struct mapped *child, const struct mapped *parent);

/*
 * The address space is gone, and all of its mappings are. What the program itself mapped and left
 * behind is kept as the sites' at_exit_bytes, unless exec replaced it (@replaced).
 */
void mappings__end(struct mapped *mapped, struct sites *sites, bool replaced);

void mappings__free(struct mapped *mapped);

/* Bytes that are mapped now by traced calls: ranges and the growth of the break. */
static inline uint64_t mapped__bytes(const struct mapped *mapped)
{
	return mapped->ranges.bytes + (mapped->brk_bytes > 0 ? (uint64_t)mapped->brk_bytes : 0);
}

#endif
