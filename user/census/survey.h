/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the walk over one allocator's bookkeeping gives: its blocks, its arenas, the memory that it
 * manages, and whatever did not add up. The same for every allocator.
 */
#ifndef MEMTRACE_CENSUS_SURVEY_H
#define MEMTRACE_CENSUS_SURVEY_H

#include "base/error.h"
#include "base/vec.h"
#include "census/blocks.h"
#include "census/image.h"

/* Findings that are kept; more are counted. A heap that is broken all over needs no longer list. */
#define SURVEY_MAX_FINDINGS 64

struct census_arena {
	uint64_t address;
	uint64_t size; /* of the allocator's structure there, bytes; 0: it has none */
	bool is_main;
	/* Sums over its blocks: usable bytes, filled in by survey__sum. */
	uint64_t live_count, live_bytes;
	uint64_t free_count, free_bytes;     /* in lists */
	uint64_t cached_count, cached_bytes; /* kept for the next request of the size */
	uint64_t top_bytes;
	uint64_t mapped_count, mapped_bytes; /* of the live ones: mappings of their own */
};

/* Memory that the allocator has from the kernel. */
struct census_span {
	uint64_t start, end;
	uint16_t arena;
	bool is_mapped; /* one block with a mapping of its own */
};

/* A place where the heap is broken: a header that no allocator writes, twice seen. */
struct census_finding {
	uint64_t address; /* of the header */
	uint64_t value;	  /* what it says */
	uint64_t after;	  /* the block in front of it, which may have been overrun; 0 none */
	uint64_t after_size;
};

struct survey {
	const char *allocator; /* "glibc malloc" */
	struct census_blocks blocks;
	VEC(struct census_arena) arenas;
	VEC(struct census_span) spans;	 /* ascending */
	VEC(struct census_span) skipped; /* ascending: parts that could not be understood */
	VEC(struct census_finding) findings;
	uint64_t finding_count;	 /* those left out, too */
	uint64_t in_motion;	 /* chunks that changed while they were read, and were read again */
	uint64_t skipped_bytes;	 /* of heap that could not be understood */
	uint64_t swapped_bytes;	 /* of these: not read because they are swapped out */
	uint64_t mapped_claimed; /* blocks with mappings of their own by the allocator's count */
	bool claims_mapped;	 /* whether it has one */
	uint64_t own_count, own_bytes;	 /* BLOCK_OWN */
	uint64_t live_count, live_bytes; /* without those; sums over all arenas */
	uint64_t free_bytes;		 /* lists, caches, tops */
};

/* Adds up the sums from the blocks, all states known. */
void survey__sum(struct survey *survey);

/* Keeps a finding, or only counts it. */
void survey__note(struct survey *survey, struct census_finding finding);

/* Sets @error for a walk that failed with @err, and returns that. */
int survey__failed(struct error *error, int err);

void survey__free(struct survey *survey);

/*
 * An allocator. The next one is one file that defines this and a line of the table in survey.c.
 */
struct census_allocator {
	const char *name;
	/*
	 * Fills in @out from @image: 1, or 0 where the process does not use this allocator, or a
	 * negative errno with @error set: -ENOTSUP where it does but its bookkeeping cannot be
	 * read.
	 */
	int (*survey)(const struct census_image *image, struct survey *out, struct error *error);
};

extern const struct census_allocator glibc_allocator;
extern const struct census_allocator musl_allocator;

/*
 * Surveys @image by the first allocator of the table that it uses. 0, or a negative errno with
 * @error set: -ENOENT where there is none. The caller calls survey__free in every case.
 */
int survey__take(const struct census_image *image, struct survey *out, struct error *error);

#endif
