/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Every block of a heap, live and free, in the order of addresses: 16 bytes for each.
 */
#ifndef MEMTRACE_CENSUS_BLOCKS_H
#define MEMTRACE_CENSUS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum block_state {
	BLOCK_LIVE,
	BLOCK_OWN,    /* live, the allocator's or the C library's own: a thread's cache, a dtv */
	BLOCK_FREE,   /* in the allocator's lists of free memory */
	BLOCK_CACHED, /* free, kept for whoever asks for this size next: tcache, fastbin */
	BLOCK_TOP,    /* what is left at an arena's end */
};

struct census_block {
	uint64_t address;	/* as the program knows it */
	uint64_t size : 44;	/* usable bytes */
	uint64_t state : 3;	/* enum block_state */
	uint64_t is_mapped : 1; /* a mapping of its own */
	uint64_t arena : 16;	/* index */
};
_Static_assert(sizeof(struct census_block) == 16, "");

struct census_blocks {
	struct census_block *data; /* ascending by address, not overlapping */
	size_t size;
	size_t capacity;
};

/* Appends; @block lies behind all others. 0 or -ENOMEM. */
int blocks__add(struct census_blocks *blocks, struct census_block block);
void blocks__free(struct census_blocks *blocks);

/* The block that holds @address, from its first byte on; NULL: none. */
struct census_block *blocks__find(const struct census_blocks *blocks, uint64_t address);

/* The block that begins at @address; NULL: none. */
struct census_block *blocks__at(const struct census_blocks *blocks, uint64_t address);

/* Leaves the live ones (BLOCK_OWN too) alone, and gives back the memory of the others. */
void blocks__drop_free(struct census_blocks *blocks);

static inline bool block__is_free(const struct census_block *block)
{
	return block->state >= BLOCK_FREE;
}

#endif
