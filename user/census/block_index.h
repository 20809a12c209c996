/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * From any word to the block that it may point to, fast enough to ask for every word of a heap: a
 * tree over the address space whose leaves have, of each page, the first block that is in it.
 * 4 bytes for each page that holds blocks.
 */
#ifndef MEMTRACE_CENSUS_BLOCK_INDEX_H
#define MEMTRACE_CENSUS_BLOCK_INDEX_H

#include "census/blocks.h"

/* User addresses have 47 bits on x86-64 and, without more being asked for, 48 on arm64. */
#define INDEX_ADDRESS_BITS 48
#define INDEX_GIB_BITS 30
#define INDEX_LEAF_BITS 22 /* 4 MiB */
#define INDEX_PAGE_BITS 12

#define INDEX_NONE UINT32_MAX

struct index_leaf {
	uint32_t first[1u << (INDEX_LEAF_BITS - INDEX_PAGE_BITS)];
};

struct index_branch {
	struct index_leaf *leaves[1u << (INDEX_GIB_BITS - INDEX_LEAF_BITS)];
};

struct block_index {
	const struct census_blocks *blocks;
	struct index_branch **branches;
	uint64_t low, high; /* no block lies outside */
};

/* @blocks must stay as they are. 0, -ENOMEM, or -E2BIG where they are 2^29 or more. */
int block_index__build(struct block_index *index, const struct census_blocks *blocks);
void block_index__free(struct block_index *index);

/* Of a word between low and high; see block_index__find. */
uint32_t block_index__look(const struct block_index *index, uint64_t word);

/* The index of the block that holds the byte at @word; INDEX_NONE: no block does. */
static inline uint32_t block_index__find(const struct block_index *index, uint64_t word)
{
	if (word - index->low >= index->high - index->low)
		return INDEX_NONE;
	return block_index__look(index, word);
}

#endif
