/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/block_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/search.h"

#define BRANCHES (1u << (INDEX_ADDRESS_BITS - INDEX_GIB_BITS))
#define LEAVES (1u << (INDEX_GIB_BITS - INDEX_LEAF_BITS))
#define PAGES (1u << (INDEX_LEAF_BITS - INDEX_PAGE_BITS))
/* Blocks that begin in one page, at most: any allocator's smallest has 8 bytes. */
#define MAX_IN_PAGE (4096 / 8)
#define MAX_BLOCKS (1u << 29)

static size_t branch_of(uint64_t address)
{
	return address >> INDEX_GIB_BITS;
}

static size_t leaf_of(uint64_t address)
{
	return (address >> INDEX_LEAF_BITS) & (LEAVES - 1);
}

static size_t page_of(uint64_t address)
{
	return (address >> INDEX_PAGE_BITS) & (PAGES - 1);
}

static uint32_t *slot_of(struct block_index *index, uint64_t address)
{
	struct index_branch **branch = &index->branches[branch_of(address)];
	struct index_leaf **leaf;

	if (!*branch)
		*branch = calloc(1, sizeof(**branch));
	if (!*branch)
		return NULL;
	leaf = &(*branch)->leaves[leaf_of(address)];
	if (!*leaf) {
		*leaf = malloc(sizeof(**leaf));
		if (*leaf)
			memset(*leaf, 0xff, sizeof(**leaf));
	}
	return *leaf ? &(*leaf)->first[page_of(address)] : NULL;
}

/* Blocks ascend: the first that touches a page is entered, later ones find it taken. */
static int enter(struct block_index *index, uint32_t number)
{
	const struct census_block *block = &index->blocks->data[number];
	uint64_t end = block->address + (block->size ? block->size : 1);
	uint64_t page = block->address >> INDEX_PAGE_BITS << INDEX_PAGE_BITS;

	for (; page < end; page += 1u << INDEX_PAGE_BITS) {
		uint32_t *slot = slot_of(index, page);

		if (!slot)
			return -ENOMEM;
		if (*slot == INDEX_NONE)
			*slot = number;
	}
	return 0;
}

int block_index__build(struct block_index *index, const struct census_blocks *blocks)
{
	*index = (struct block_index){.blocks = blocks};
	if (blocks->size >= MAX_BLOCKS)
		return -E2BIG;
	index->branches = calloc(BRANCHES, sizeof(*index->branches));
	if (!index->branches)
		return -ENOMEM;
	for (size_t i = 0; i < blocks->size; i++) {
		const struct census_block *block = &blocks->data[i];
		uint64_t end = block->address + block->size;

		/* Not a user's address: from a hostile heap alone. */
		if (end >> INDEX_ADDRESS_BITS || end < block->address)
			continue;
		if (enter(index, i))
			return -ENOMEM;
		index->low = index->high ? index->low : block->address;
		index->high = block->size ? end : end + 1;
	}
	return 0;
}

void block_index__free(struct block_index *index)
{
	for (size_t i = 0; index->branches && i < BRANCHES; i++) {
		for (size_t j = 0; index->branches[i] && j < LEAVES; j++)
			free(index->branches[i]->leaves[j]);
		free(index->branches[i]);
	}
	free(index->branches);
	*index = (struct block_index){0};
}

uint32_t block_index__look(const struct block_index *index, uint64_t word)
{
	const struct index_branch *branch = index->branches[branch_of(word)];
	const struct index_leaf *leaf = branch ? branch->leaves[leaf_of(word)] : NULL;
	uint32_t first = leaf ? leaf->first[page_of(word)] : INDEX_NONE;
	const struct census_block *block;
	size_t left, behind;

	if (first == INDEX_NONE)
		return INDEX_NONE;
	left = index->blocks->size - first;
	left = left < MAX_IN_PAGE + 1 ? left : MAX_IN_PAGE + 1;
	block = &index->blocks->data[first];
	behind = search_first(left, n, block[n].address <= word);
	if (!behind)
		return INDEX_NONE;
	block += behind - 1;
	return word - block->address < block->size || word == block->address ? first + behind - 1
									     : INDEX_NONE;
}
