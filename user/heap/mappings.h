/*
 * The account of mmap, munmap, mremap and brk: what the traced calls asked the kernel for. It is
 * apart from the heap: an allocator takes its blocks out of such mappings, so the two must never
 * be added up.
 */
#ifndef MEMTRACE_HEAP_MAPPINGS_H
#define MEMTRACE_HEAP_MAPPINGS_H

#include "heap/intervals.h"

#include "event.h"

#include <stdint.h>

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
	struct intervals ranges;
	int64_t brk_bytes; /* break now, less the break when first seen: may be negative */
};

/* Applies one record. @page_size: bytes, a power of two. */
void mappings__apply(struct mapped *mapped, struct mapping_counts *counts,
	const struct event_mapping *event, uint64_t page_size);

/* Bytes that are mapped now by traced calls: ranges and the growth of the break. */
static inline uint64_t mapped__bytes(const struct mapped *mapped)
{
	return mapped->ranges.bytes + (mapped->brk_bytes > 0 ? (uint64_t)mapped->brk_bytes : 0);
}

#endif
