/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/root_pieces.h"

#include "base/search.h"

/* What the psABI of x86-64 lets a function use below its stack pointer (3.2.2). */
#define RED_ZONE 128

/* Memory that holds no roots: the allocator's. */
struct hole {
	uint64_t start, end;
};

struct piece_finder {
	const struct census_image *image;
	VEC(struct hole) holes; /* ascending */
	struct root_pieces *out;
};

static int by_start(const void *left, const void *right)
{
	const struct hole *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/* Spans without what was not understood in them, and the arenas' own structures. */
static int find_holes(struct piece_finder *finder, const struct survey *survey)
{
	vec_for_each (span, &survey->spans) {
		uint64_t at = span->start;
		size_t i = search_first(
			survey->skipped.size, n, survey->skipped.data[n].end <= span->start);

		for (; i < survey->skipped.size && survey->skipped.data[i].start < span->end; i++) {
			const struct census_span *skipped = &survey->skipped.data[i];

			if (skipped->start > at &&
				vec_push(&finder->holes, (struct hole){at, skipped->start}))
				return -ENOMEM;
			at = skipped->end > at ? skipped->end : at;
		}
		if (at < span->end && vec_push(&finder->holes, (struct hole){at, span->end}))
			return -ENOMEM;
	}
	vec_for_each (arena, &survey->arenas)
		if (arena->is_main && arena->size &&
			vec_push(&finder->holes,
				(struct hole){arena->address, arena->address + arena->size}))
			return -ENOMEM;
	if (finder->holes.size)
		qsort(finder->holes.data, finder->holes.size, sizeof(*finder->holes.data),
			by_start);
	return 0;
}

/* Adds [@start, @end) without the holes. */
static int add_piece(struct piece_finder *finder, uint64_t start, uint64_t end, enum root_kind kind)
{
	size_t i = search_first(finder->holes.size, n, finder->holes.data[n].end <= start);
	int err = 0;

	start = (start + 7) & ~7ull;
	for (; !err && i < finder->holes.size && finder->holes.data[i].start < end; i++) {
		const struct hole *hole = &finder->holes.data[i];

		if (hole->start > start)
			err = vec_push(finder->out, (struct root_piece){start, hole->start, kind});
		start = hole->end > start ? hole->end : start;
	}
	if (!err && start < end)
		err = vec_push(finder->out, (struct root_piece){start, end, kind});
	return err;
}

/* A thread's stack that the C library made: a guard lies below, its TLS at the upper end. */
static bool is_whole_stack(const struct census_image *image, const struct census_range *range,
	const struct census_thread *thread)
{
	const struct census_range *below = range > image->ranges ? range - 1 : NULL;

	if (range->kind == RANGE_STACK)
		return true;
	return thread->thread_pointer > thread->stack_pointer &&
	       thread->thread_pointer < range->end && below && !below->prot &&
	       below->end == range->start;
}

/* Where in @range the roots begin, which is a stack if *@kind becomes ROOT_STACK. */
static uint64_t first_root(
	const struct census_image *image, const struct census_range *range, enum root_kind *kind)
{
	uint64_t size = range->end - range->start;

	if (range->kind == RANGE_STACK)
		*kind = ROOT_STACK;
	for (size_t i = 0; i < image->thread_count; i++) {
		const struct census_thread *thread = &image->threads[i];

		if (thread->stack_pointer - range->start < size) {
			*kind = ROOT_STACK;
			if (is_whole_stack(image, range, thread) &&
				thread->stack_pointer - range->start > RED_ZONE)
				return thread->stack_pointer - RED_ZONE;
			return range->start;
		}
		if (i && thread->thread_pointer - range->start < size)
			*kind = ROOT_STACK;
	}
	return range->start;
}

static enum root_kind kind_of(const struct census_image *image, const struct census_range *range)
{
	if (range->kind == RANGE_FILE || census_image__is_bss(image, range))
		return ROOT_DATA;
	return ROOT_MEMORY;
}

int root_pieces__find(
	const struct census_image *image, const struct survey *survey, struct root_pieces *out)
{
	struct piece_finder finder = {.image = image, .out = out};
	int err = find_holes(&finder, survey);

	*out = (struct root_pieces){0};
	for (size_t i = 0; !err && i < image->range_count; i++) {
		const struct census_range *range = &image->ranges[i];
		enum root_kind kind;
		uint64_t start;

		if (!range->is_writable || range->kind == RANGE_SPECIAL)
			continue;
		kind = kind_of(image, range);
		start = first_root(image, range, &kind);
		err = add_piece(&finder, start, range->end, kind);
	}
	vec_free(&finder.holes);
	return err;
}
