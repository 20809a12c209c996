/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/traced.h"

#include <errno.h>
#include <stdlib.h>

#include "base/search.h"

#define ADDRESS_END (1ull << 48)

/* --- the set */

static int by_address(const void *left, const void *right)
{
	const struct traced_block *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return (a->size < b->size) - (a->size > b->size); /* the outer one first */
}

static int by_start(const void *left, const void *right)
{
	const struct traced_range *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static void keep_own_ranges(struct traced_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->own.size; i++) {
		const struct traced_range *range = &set->own.data[i];
		size_t first = search_first(
			set->blocks.size, n, set->blocks.data[n].address < range->start);

		if (!range->may_be ||
			(first < set->blocks.size && set->blocks.data[first].address < range->end))
			set->own.data[kept++] = *range;
	}
	set->own.size = kept;
}

void traced__arrange(struct traced_set *set)
{
	struct traced_block *blocks = set->blocks.data;
	size_t kept = 0;

	if (set->blocks.size)
		qsort(blocks, set->blocks.size, sizeof(*blocks), by_address);
	for (size_t i = 0; i < set->blocks.size; i++) {
		struct traced_block block = blocks[i];

		if (!block.address || block.address >= ADDRESS_END ||
			block.size > ADDRESS_END - block.address)
			continue;
		/* The one before reaches into this one: it is what this one was cut out of. */
		while (kept && blocks[kept - 1].address + blocks[kept - 1].size > block.address)
			kept--;
		blocks[kept++] = block;
	}
	set->blocks.size = kept;
	if (set->own.size)
		qsort(set->own.data, set->own.size, sizeof(*set->own.data), by_start);
	keep_own_ranges(set);
}

const struct traced_block *traced__at(const struct traced_set *set, uint64_t address)
{
	size_t i = search_first(set->blocks.size, n, set->blocks.data[n].address < address);

	return i < set->blocks.size && set->blocks.data[i].address == address ? &set->blocks.data[i]
									      : NULL;
}

void traced__free(struct traced_set *set)
{
	vec_free(&set->blocks);
	vec_free(&set->own);
}

/* --- the survey */

struct merge {
	const struct census_image *image;
	const struct traced_set *set;
	struct survey *out;
	size_t next; /* traced block */
	size_t span; /* of the allocator's own, the first that ends behind it */
	size_t skipped;
};

static int add(struct merge *merge, const struct traced_block *block)
{
	struct census_block added = {
		.address = block->address,
		.size = block->size,
		.state = BLOCK_LIVE,
	};

	return blocks__add(&merge->out->blocks, added);
}

static bool is_in(const struct census_span *spans, size_t count, size_t *at, uint64_t address)
{
	while (*at < count && spans[*at].end <= address)
		++*at;
	return *at < count && spans[*at].start <= address;
}

/*
 * Those in front of @until. In what the allocator's bookkeeping tells of, a block that it does not
 * tell of was freed since, unless it is where the bookkeeping could not be understood.
 */
static int add_up_to(struct merge *merge, const struct survey *own, uint64_t until)
{
	const struct traced_set *set = merge->set;
	int err = 0;

	for (; !err && merge->next < set->blocks.size; merge->next++) {
		const struct traced_block *block = &set->blocks.data[merge->next];

		if (block->address >= until)
			break;
		if (!is_in(own->spans.data, own->spans.size, &merge->span, block->address) ||
			is_in(own->skipped.data, own->skipped.size, &merge->skipped,
				block->address))
			err = add(merge, block);
	}
	return err;
}

/* One of the allocator's blocks: traced, or from before the trace. */
static int merge_block(struct merge *merge, const struct survey *own, struct census_block block)
{
	const struct traced_set *set = merge->set;
	uint64_t end = block.address + (block.size ? block.size : 1);
	size_t before;
	int err = add_up_to(merge, own, block.address);

	before = merge->next;
	for (; !err && merge->next < set->blocks.size &&
		set->blocks.data[merge->next].address < end;
		merge->next++)
		err = add(merge, &set->blocks.data[merge->next]);
	block.arena = 0;
	return err || merge->next > before ? err : blocks__add(&merge->out->blocks, block);
}

static int merge_blocks(struct merge *merge, const struct survey *own)
{
	int err = 0;

	for (size_t i = 0; !err && i < own->blocks.size; i++)
		if (!block__is_free(&own->blocks.data[i]))
			err = merge_block(merge, own, own->blocks.data[i]);
	return err ? err : add_up_to(merge, own, UINT64_MAX);
}

static int by_span(const void *left, const void *right)
{
	const struct census_span *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/* Ascending, and none reaches into the next. */
static void arrange_spans(struct survey *survey)
{
	struct census_span *spans = survey->spans.data;
	size_t kept = 0;

	if (survey->spans.size)
		qsort(spans, survey->spans.size, sizeof(*spans), by_span);
	for (size_t i = 0; i < survey->spans.size; i++) {
		struct census_span *last = kept ? &spans[kept - 1] : NULL;

		if (last && spans[i].start <= last->end)
			last->end = spans[i].end > last->end ? spans[i].end : last->end;
		else
			spans[kept++] = spans[i];
	}
	survey->spans.size = kept;
}

/* The loader's first allocations, a thread's static TLS among them, are mapped within calls, too.
 */
static bool holds_tls(const struct census_image *image, const struct traced_range *range)
{
	for (size_t i = 0; i < image->thread_count; i++)
		if (image->threads[i].thread_pointer - range->start < range->end - range->start)
			return true;
	return false;
}

/* Where no pointers are but in blocks. */
static int add_spans(struct merge *merge, const struct survey *own)
{
	struct survey *out = merge->out;

	for (size_t i = 0; i < own->spans.size; i++)
		if (vec_push(&out->spans, own->spans.data[i]))
			return -ENOMEM;
	for (size_t i = 0; i < own->skipped.size; i++)
		if (vec_push(&out->skipped, own->skipped.data[i]))
			return -ENOMEM;
	for (size_t i = 0; i < out->blocks.size; i++) {
		const struct census_block *block = &out->blocks.data[i];

		if (vec_push(&out->spans, (struct census_span){block->address,
						  block->address + block->size, 0, false}))
			return -ENOMEM;
	}
	for (size_t i = 0; merge->set->is_whole && i < merge->set->own.size; i++) {
		const struct traced_range *range = &merge->set->own.data[i];

		if (!holds_tls(merge->image, range) &&
			vec_push(&out->spans,
				(struct census_span){range->start, range->end, 0, false}))
			return -ENOMEM;
	}
	arrange_spans(out);
	return 0;
}

static int add_arenas(struct survey *out, const struct survey *own)
{
	for (size_t i = 0; i < own->arenas.size; i++)
		if (vec_push(&out->arenas, own->arenas.data[i]))
			return -ENOMEM;
	return out->arenas.size ? 0 : vec_push(&out->arenas, (struct census_arena){0});
}

int traced__survey(
	const struct census_image *image, const struct traced_set *set, struct survey *out)
{
	struct merge merge = {.image = image, .set = set, .out = out};
	struct survey own;
	struct error none = {0};
	int err = survey__take(image, &own, &none);

	*out = (struct survey){0};
	if (err == -ENOENT || err == -ENOTSUP) {
		survey__free(&own);
		own = (struct survey){0};
		err = 0;
	}
	out->allocator = own.allocator;
	out->in_motion = own.in_motion;
	out->skipped_bytes = own.skipped_bytes;
	err = err ? err : add_arenas(out, &own);
	err = err ? err : merge_blocks(&merge, &own);
	err = err ? err : add_spans(&merge, &own);
	survey__free(&own);
	return err;
}
