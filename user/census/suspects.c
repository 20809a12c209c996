/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/suspects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/search.h"
#include "census/block_index.h"
#include "census/reach.h"
#include "census/reader.h"

/* Looks beyond those asked for. */
#define MORE_LOOKS 5

/*
 * Passes over what moves. A pointer that goes round n places, and is for half of the time in a
 * register alone, is missed by one pass with a chance of 0.6; by all of these with one of 1e-7.
 */
#define HUNTS 32
/* Where more than this moves, 256 MiB, half as many: 3e-4. */
#define MANY_PAGES 65536
/* As often as that the passes wait for the process to run on in between. */
#define HUNTS_BETWEEN_PAUSES 4

/* --- looks */

static int add_first(
	struct suspects *suspects, const struct pointer_graph *graph, const uint8_t *states)
{
	for (size_t i = 0; i < graph->blocks->size; i++) {
		const struct census_block *block = &graph->blocks->data[i];

		if (states[i] != REACH_START &&
			vec_push(&suspects->blocks,
				(struct suspect){block->address, block->size, graph->prints[i]}))
			return -ENOMEM;
	}
	return 0;
}

static void keep_confirmed(
	struct suspects *suspects, const struct pointer_graph *graph, const uint8_t *states)
{
	const struct census_blocks *blocks = graph->blocks;
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < suspects->blocks.size; i++) {
		const struct suspect *suspect = &suspects->blocks.data[i];

		while (at < blocks->size && blocks->data[at].address < suspect->address)
			at++;
		if (at < blocks->size && blocks->data[at].address == suspect->address &&
			blocks->data[at].size == suspect->size && states[at] != REACH_START &&
			graph->prints[at] == suspect->print)
			suspects->blocks.data[kept++] = *suspect;
	}
	suspects->acquitted += suspects->blocks.size - kept;
	suspects->blocks.size = kept;
}

static int by_number(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* Pages that only one of two looks has, or whose contents differ. */
static int add_moving(struct suspects *suspects, const struct page_prints *now)
{
	const struct page_prints *then = &suspects->pages;
	size_t i = 0, j = 0, kept = 0;
	uint64_t *pages;

	while (i < then->size || j < now->size) {
		uint64_t a = i < then->size ? then->data[i].address : UINT64_MAX;
		uint64_t b = j < now->size ? now->data[j].address : UINT64_MAX;
		bool same = a == b && then->data[i].hash == now->data[j].hash;

		if (!same && vec_push(&suspects->moving, a < b ? a : b))
			return -ENOMEM;
		i += a <= b;
		j += b <= a;
	}
	pages = suspects->moving.data;
	if (suspects->moving.size)
		qsort(pages, suspects->moving.size, sizeof(*pages), by_number);
	for (i = 0; i < suspects->moving.size; i++)
		if (!kept || pages[kept - 1] != pages[i])
			pages[kept++] = pages[i];
	suspects->moving.size = kept;
	return 0;
}

int suspects__look(struct suspects *suspects, struct pointer_graph *graph, const uint8_t *states)
{
	int err = 0;

	if (!suspects->looks++)
		err = add_first(suspects, graph, states);
	else
		keep_confirmed(suspects, graph, states);
	if (!err && suspects->looks > 1)
		err = add_moving(suspects, &graph->pages);
	free(suspects->pages.data);
	suspects->pages = graph->pages;
	graph->pages = (struct page_prints){0};
	return err;
}

/* --- hunts */

struct hunt {
	struct suspects *suspects;
	struct census_blocks blocks; /* the suspects */
	struct block_index index;
	uint8_t *found; /* of each */
	struct census_reader reader;
};

/*
 * The suspect that @word points to. Not to its last word: there begins the next chunk, which the
 * allocator's lists and tops point to if it is free.
 */
static uint32_t find_suspect(const struct hunt *hunt, uint64_t word)
{
	uint32_t target = block_index__find(&hunt->index, word);
	const struct census_block *block;

	if (target == INDEX_NONE)
		return INDEX_NONE;
	block = &hunt->blocks.data[target];
	return word != block->address && word == block->address + block->size - 8 ? INDEX_NONE
										  : target;
}

static void search_page(struct hunt *hunt, uint64_t page)
{
	const uint8_t *data = reader__at(&hunt->reader, page, CENSUS_PAGE);

	for (size_t i = 0; data && i < CENSUS_PAGE; i += 8) {
		uint32_t target;
		uint64_t word;

		memcpy(&word, data + i, sizeof(word));
		target = find_suspect(hunt, word);
		/* What is lost may point to itself and its like. */
		if (target != INDEX_NONE && !hunt->found[target] &&
			block_index__find(&hunt->index, page + i) == INDEX_NONE)
			hunt->found[target] = true;
	}
}

static int search_pages(struct hunt *hunt)
{
	vec_for_each (page, &hunt->suspects->moving) {
		/* Each anew: the less old it is the better. */
		reader__drop(&hunt->reader);
		search_page(hunt, *page);
		if (hunt->reader.failed)
			return hunt->reader.failed;
	}
	hunt->suspects->hunts++;
	return 0;
}

static int prepare(struct hunt *hunt, const struct census_image *image)
{
	vec_for_each (suspect, &hunt->suspects->blocks) {
		struct census_block block = {.address = suspect->address, .size = suspect->size};

		if (blocks__add(&hunt->blocks, block))
			return -ENOMEM;
	}
	hunt->found = calloc(hunt->blocks.size + 1, 1);
	if (!hunt->found)
		return -ENOMEM;
	if (reader__init(&hunt->reader, &image->memory, CENSUS_PAGE))
		return -ENOMEM;
	return block_index__build(&hunt->index, &hunt->blocks);
}

bool suspects__want_look(
	const struct suspects *suspects, size_t done, size_t wanted, uint64_t acquitted)
{
	return suspects->blocks.size && done < wanted + MORE_LOOKS && (done < wanted || acquitted);
}

int suspects__hunt(struct suspects *suspects, const struct census_image *image)
{
	struct hunt hunt = {.suspects = suspects};
	size_t kept = 0, hunts = suspects->moving.size > MANY_PAGES ? HUNTS / 2 : HUNTS;
	int err;

	if (!suspects->blocks.size || !suspects->moving.size || !image->memory.pause)
		return 0;
	err = prepare(&hunt, image);
	for (size_t i = 0; !err && i < hunts; i++) {
		if (i % HUNTS_BETWEEN_PAUSES == 0)
			image->memory.pause(image->memory.context);
		err = search_pages(&hunt);
	}
	for (size_t i = 0; !err && i < suspects->blocks.size; i++)
		if (!hunt.found[i])
			suspects->blocks.data[kept++] = suspects->blocks.data[i];
	if (!err) {
		suspects->acquitted += suspects->blocks.size - kept;
		suspects->blocks.size = kept;
	}
	reader__free(&hunt.reader);
	block_index__free(&hunt.index);
	blocks__free(&hunt.blocks);
	free(hunt.found);
	return err;
}

bool suspects__has(const struct suspects *suspects, uint64_t address)
{
	size_t i =
		search_first(suspects->blocks.size, n, suspects->blocks.data[n].address < address);

	return i < suspects->blocks.size && suspects->blocks.data[i].address == address;
}

void suspects__free(struct suspects *suspects)
{
	vec_free(&suspects->blocks);
	vec_free(&suspects->moving);
	free(suspects->pages.data);
	*suspects = (struct suspects){0};
}
