/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * glibc's malloc, 2.31 to 2.42 on 64-bit machines, as its memory shows it. Layouts: malloc.c and
 * arena.c of those versions (struct malloc_state, malloc_par, malloc_chunk, heap_info,
 * tcache_perthread_struct); where they differ, what is found in memory decides and no version.
 *
 * The parts: glibc_arena.c finds the arenas, glibc_region.c the memory they manage, glibc_walk.c
 * walks it chunk by chunk, glibc_mapped.c finds the blocks with mappings of their own, and
 * glibc_cache.c tells which blocks are free though no chunk header says so.
 */
#ifndef MEMTRACE_CENSUS_GLIBC_H
#define MEMTRACE_CENSUS_GLIBC_H

#include "census/reader.h"
#include "census/survey.h"

/* struct malloc_state: mutex, flags, have_fastchunks, then: */
#define ARENA_FASTBINS 16
#define ARENA_FASTBIN_COUNT 10
#define ARENA_TOP 96
#define ARENA_BINS 112
#define ARENA_BIN_COUNT 127
#define ARENA_NEXT 2160
#define ARENA_SYSTEM_MEM 2184
#define ARENA_MAX_SYSTEM_MEM 2192
#define ARENA_SIZE 2200

/* A ring of arenas longer than this is not believed: glibc makes 8 for each core by default. */
#define GLIBC_MAX_ARENAS 60000

/* struct malloc_chunk: prev_size, size with flags; then what the program has of it. */
#define CHUNK_HEADER 16u
#define CHUNK_MIN 32u
#define CHUNK_ALIGN 16u
#define CHUNK_PREV_IN_USE 1u
#define CHUNK_IS_MAPPED 2u
#define CHUNK_NON_MAIN 4u
#define CHUNK_FLAGS 7u

struct glibc_arena {
	uint64_t address;
	uint64_t top;
	uint64_t fastbins[ARENA_FASTBIN_COUNT]; /* heads: chunks, not blocks */
	bool is_main;
};

/* Memory that one arena has cut into chunks. */
struct glibc_region {
	uint64_t first; /* its first chunk; 0: to be looked for */
	uint64_t start, end;
	uint16_t arena;
	bool has_gaps; /* the program may have moved the break itself: others' memory between */
};

struct glibc {
	const struct census_image *image;
	struct survey *survey;
	struct census_reader wide, narrow;
	VEC(struct glibc_arena) arenas;
	VEC(struct glibc_region) regions; /* ascending */
	uint64_t sbrk_base;		  /* 0: unknown */
	size_t pauses;			  /* the walk waited for the target so often */
};

static inline uint64_t chunk_size(uint64_t head)
{
	return head & ~(uint64_t)CHUNK_FLAGS;
}

/* Finds the arenas. 1, 0 where there is no heap of glibc, or a negative errno. */
int glibc__find_arenas(struct glibc *glibc);

/*
 * Finds sbrk_base, and the count of blocks with own mappings, in the C library's `mp_`, which lies
 * in the range of its data, @data.
 */
void glibc__find_parameters(struct glibc *glibc, const struct census_range *data);

/* Finds what the arenas manage. 0 or a negative errno. */
int glibc__find_regions(struct glibc *glibc);

/* Adds the chunks of @region to the survey's blocks. 0 or a negative errno. */
int glibc__walk(struct glibc *glibc, const struct glibc_region *region);

/* Adds the blocks with own mappings in [@start, @end), which no region overlaps. */
int glibc__walk_mapped(struct glibc *glibc, uint64_t start, uint64_t end);

/* Marks the blocks that are in fastbins and in threads' caches, and the caches themselves. */
int glibc__mark_cached(struct glibc *glibc);

#endif
