/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/search.h"

/* The table of a large heap must not double: an eighth more keeps it near what is needed. */
#define FIRST_CAPACITY 4096

int blocks__add(struct census_blocks *blocks, struct census_block block)
{
	if (blocks->size == blocks->capacity) {
		size_t grown =
			blocks->capacity ? blocks->capacity + blocks->capacity / 8 : FIRST_CAPACITY;
		void *moved = reallocarray(blocks->data, grown, sizeof(block));

		if (!moved)
			return -ENOMEM;
		blocks->data = moved;
		blocks->capacity = grown;
	}
	blocks->data[blocks->size++] = block;
	return 0;
}

void blocks__free(struct census_blocks *blocks)
{
	free(blocks->data);
	*blocks = (struct census_blocks){0};
}

struct census_block *blocks__find(const struct census_blocks *blocks, uint64_t address)
{
	size_t i = search_first(blocks->size, n, blocks->data[n].address <= address);
	struct census_block *block = i ? &blocks->data[i - 1] : NULL;

	/* A block of no bytes (malloc(0) elsewhere) still has its address. */
	return block && (address - block->address < block->size || address == block->address)
		       ? block
		       : NULL;
}

struct census_block *blocks__at(const struct census_blocks *blocks, uint64_t address)
{
	size_t i = search_first(blocks->size, n, blocks->data[n].address < address);

	return i < blocks->size && blocks->data[i].address == address ? &blocks->data[i] : NULL;
}

void blocks__drop_free(struct census_blocks *blocks)
{
	size_t kept = 0;
	void *smaller;

	for (size_t i = 0; i < blocks->size; i++)
		if (!block__is_free(&blocks->data[i]))
			blocks->data[kept++] = blocks->data[i];
	blocks->size = kept;
	smaller = kept ? reallocarray(blocks->data, kept, sizeof(*blocks->data)) : NULL;
	if (smaller) {
		blocks->data = smaller;
		blocks->capacity = kept;
	}
}
