/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/account.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/search.h"

static const struct {
	const char *key, *words;
} names[ACCOUNT_PARTS] = {
	[ACCOUNT_HEAP_LIVE] = {"heap_live", "heap in use"},
	[ACCOUNT_HEAP_BIG] = {"heap_big", "heap in use, big blocks"},
	[ACCOUNT_HEAP_FREE] = {"heap_free", "heap free but held"},
	[ACCOUNT_HEAP_CACHED] = {"heap_cached", "heap free, in caches"},
	[ACCOUNT_HEAP_TOP] = {"heap_top", "heap free, at arenas' ends"},
	[ACCOUNT_HEAP_OVERHEAD] = {"heap_overhead", "allocator's own"},
	[ACCOUNT_HEAP_UNREAD] = {"heap_unread", "heap not understood"},
	[ACCOUNT_STACKS] = {"stacks", "stacks"},
	[ACCOUNT_DATA] = {"data", "variables of programs and libraries"},
	[ACCOUNT_FILES] = {"files", "code and mapped files"},
	[ACCOUNT_SHARED] = {"shared", "shared memory"},
	[ACCOUNT_EXECUTABLE] = {"executable", "code in no file (JIT)"},
	[ACCOUNT_ANONYMOUS] = {"anonymous", "other anonymous memory"},
	[ACCOUNT_SPECIAL] = {"special", "kernel and devices"},
};

const char *account__key(enum account_part part)
{
	return names[part].key;
}

const char *account__words(enum account_part part)
{
	return names[part].words;
}

/* --- which of a span's pages are resident */

struct pages {
	uint64_t start;
	size_t count;
	size_t capacity;
	uint8_t *states;
	uint32_t *before; /* of each page: how many present ones lie in front of it in the span */
};

static int load_pages(
	struct pages *pages, const struct census_memory *memory, uint64_t start, uint64_t end)
{
	uint32_t present = 0;
	int err;

	pages->start = page_floor(start);
	pages->count = (page_ceil(end) - pages->start) / CENSUS_PAGE;
	if (pages->count > pages->capacity) {
		free(pages->states);
		free(pages->before);
		pages->capacity = pages->count;
		pages->states = malloc(pages->count);
		pages->before = reallocarray(NULL, pages->count + 1, sizeof(*pages->before));
	}
	if (!pages->states || !pages->before) {
		pages->capacity = 0;
		return -ENOMEM;
	}
	err = memory->pages(memory->context, pages->start, pages->count, pages->states);
	for (size_t i = 0; !err && i < pages->count; i++) {
		pages->before[i] = present;
		present += pages->states[i] == PAGE_PRESENT;
	}
	pages->before[pages->count] = present;
	return err;
}

/* Resident bytes of [@start, @end), which lies in the span. */
static uint64_t resident_bytes(const struct pages *pages, uint64_t start, uint64_t end)
{
	size_t first, last;
	uint64_t bytes;

	if (start >= end)
		return 0;
	first = (start - pages->start) / CENSUS_PAGE;
	last = (end - 1 - pages->start) / CENSUS_PAGE;
	if (first == last)
		return pages->states[first] == PAGE_PRESENT ? end - start : 0;
	bytes = (uint64_t)(pages->before[last + 1] - pages->before[first]) * CENSUS_PAGE;
	if (pages->states[first] == PAGE_PRESENT)
		bytes -= start % CENSUS_PAGE;
	if (pages->states[last] == PAGE_PRESENT)
		bytes -= (CENSUS_PAGE - end % CENSUS_PAGE) % CENSUS_PAGE;
	return bytes;
}

/* --- heap */

static enum account_part part_of(const struct census_block *block)
{
	switch (block->state) {
	case BLOCK_LIVE:
		return block->is_mapped ? ACCOUNT_HEAP_BIG : ACCOUNT_HEAP_LIVE;
	case BLOCK_FREE:
		return ACCOUNT_HEAP_FREE;
	case BLOCK_CACHED:
		return ACCOUNT_HEAP_CACHED;
	case BLOCK_TOP:
		return ACCOUNT_HEAP_TOP;
	}
	return ACCOUNT_HEAP_OVERHEAD;
}

/* Each block's header of 8 bytes in front of it is counted with it. */
#define HEADER 8
/* What the allocator keeps at the beginning of a free block: links to others. */
#define FREE_LINKS 32

/* Adds a span's resident bytes to those that the mappings it lies in have of the heap. */
static void add_to_ranges(const struct census_image *image, const struct census_span *span,
	const struct pages *pages, uint64_t *of_ranges)
{
	size_t i = search_first(image->range_count, n, image->ranges[n].end <= span->start);

	for (; i < image->range_count && image->ranges[i].start < span->end; i++) {
		const struct census_range *range = &image->ranges[i];

		of_ranges[i] += resident_bytes(pages,
			range->start > span->start ? range->start : span->start,
			range->end < span->end ? range->end : span->end);
	}
}

/* Adds up the resident bytes of a span by the states of its blocks. 0, -ENOMEM or -ESRCH. */
static int add_span(const struct census_image *image, const struct survey *survey,
	const struct census_span *span, struct pages *pages, uint64_t *of_ranges,
	struct account *account)
{
	const struct census_blocks *blocks = &survey->blocks;
	size_t i = search_first(blocks->size, n, blocks->data[n].address < span->start);
	uint64_t known = 0, before = span->start, all;
	int err = load_pages(pages, &image->memory, span->start, span->end);

	if (err)
		return err;
	all = resident_bytes(pages, span->start, span->end);
	add_to_ranges(image, span, pages, of_ranges);
	for (; i < blocks->size && blocks->data[i].address < span->end; i++) {
		const struct census_block *block = &blocks->data[i];
		uint64_t start = block->address - HEADER, end = block->address + block->size;
		uint64_t bytes;

		end = end > span->end ? span->end : end;
		/* Some allocators have smaller headers. */
		start = start < before ? before : start;
		before = end > before ? end : before;
		bytes = resident_bytes(pages, start, end);
		known += bytes;
		account->parts[part_of(block)] += bytes;
		if (block->state == BLOCK_FREE || block->state == BLOCK_TOP)
			account->returnable += resident_bytes(
				pages, page_ceil(block->address + FREE_LINKS), page_floor(end));
	}
	account->parts[ACCOUNT_HEAP_OVERHEAD] += all > known ? all - known : 0;
	return 0;
}

static int add_heap(const struct census_image *image, const struct survey *survey,
	uint64_t *of_ranges, struct account *account)
{
	struct pages pages = {0};
	uint64_t unread = survey->skipped_bytes, *overhead;
	int err = 0;

	for (size_t i = 0; !err && i < survey->spans.size; i++)
		err = add_span(image, survey, &survey->spans.data[i], &pages, of_ranges, account);
	free(pages.states);
	free(pages.before);
	overhead = &account->parts[ACCOUNT_HEAP_OVERHEAD];
	unread = unread > *overhead ? *overhead : unread;
	*overhead -= unread;
	account->parts[ACCOUNT_HEAP_UNREAD] = unread;
	return err;
}

/* --- the other mappings */

static bool is_stack(const struct census_image *image, const struct census_range *range)
{
	for (size_t i = 0; i < image->thread_count; i++) {
		const struct census_thread *thread = &image->threads[i];

		if (thread->stack_pointer - range->start < range->end - range->start)
			return true;
		/* The stacks of all threads but the first hold their TLS at the upper end. */
		if (i && thread->thread_pointer - range->start < range->end - range->start)
			return true;
	}
	return false;
}

static enum account_part part_of_range(
	const struct census_image *image, const struct census_range *range)
{
	switch (range->kind) {
	case RANGE_STACK:
		return ACCOUNT_STACKS;
	case RANGE_FILE:
		return range->is_writable ? ACCOUNT_DATA : ACCOUNT_FILES;
	case RANGE_SHARED:
		return ACCOUNT_SHARED;
	case RANGE_SPECIAL:
		return ACCOUNT_SPECIAL;
	case RANGE_ANONYMOUS:
	case RANGE_BRK:
		break;
	}
	if (is_stack(image, range))
		return ACCOUNT_STACKS;
	if (range->prot & PROT_EXEC)
		return ACCOUNT_EXECUTABLE;
	return census_image__is_bss(image, range) && !*range->name ? ACCOUNT_DATA
								   : ACCOUNT_ANONYMOUS;
}

/*
 * What of a mapping is not the heap's, which may share one with a thread's stack or a module's
 * data. Where memory went back to the kernel between the two counts, the heap is the later one and
 * right.
 */
int account__take(
	const struct census_image *image, const struct survey *survey, struct account *out)
{
	uint64_t *of_ranges = calloc(image->range_count + 1, sizeof(*of_ranges));
	int err = of_ranges ? 0 : -ENOMEM;

	*out = (struct account){0};
	if (!err && survey)
		err = add_heap(image, survey, of_ranges, out);
	for (size_t i = 0; !err && i < image->range_count; i++) {
		const struct census_range *range = &image->ranges[i];

		if (range->resident > of_ranges[i])
			out->parts[part_of_range(image, range)] += range->resident - of_ranges[i];
		out->swapped += range->swapped;
	}
	for (enum account_part part = 0; part < ACCOUNT_PARTS; part++)
		out->resident += out->parts[part];
	free(of_ranges);
	return err;
}
