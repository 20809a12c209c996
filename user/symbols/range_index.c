/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/range_index.h"

#include <stdlib.h>

#include "base/search.h"

/* How many ranges are looked at for one address. Nesting of real code is below 10 deep. */
#define MAX_STEPS 1024
/* And where the time counts: as often may the same address have been given to other code. */
#define MAX_HISTORY_STEPS 65536

int range_index__add(
	struct range_index *index, uint64_t start, uint64_t end, uint32_t rank, uint32_t value)
{
	if (start >= end)
		return 0;
	return vec_push(&index->ranges,
		(struct range){.start = start, .end = end, .rank = rank, .value = value});
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* Inner ranges come behind outer ones. */
static int compare_ranges(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	if (a->start != b->start)
		return ORDER(a->start, b->start);
	if (a->end != b->end)
		return ORDER(b->end, a->end);
	return ORDER(a->value, b->value);
}

void range_index__sort(struct range_index *index)
{
	uint64_t max_end = 0;

	if (index->ranges.size)
		qsort(index->ranges.data, index->ranges.size, sizeof(*index->ranges.data),
			compare_ranges);
	vec_for_each (range, &index->ranges) {
		max_end = range->end > max_end ? range->end : max_end;
		range->max_end = max_end;
	}
}

/* The next range before *low that holds @address; NULL: there is none, or it is too far. */
static const struct range *next_holder(
	const struct range_index *index, uint64_t address, size_t *low, size_t *steps)
{
	while (*low > 0 && *steps) {
		const struct range *range = &index->ranges.data[--*low];

		--*steps;
		if (range->max_end <= address)
			return NULL;
		if (range->end > address)
			return range;
	}
	return NULL;
}

static size_t first_above(const struct range_index *index, uint64_t address)
{
	return search_first(index->ranges.size, i, index->ranges.data[i].start <= address);
}

static const struct range *find_below(
	const struct range_index *index, uint64_t address, uint32_t limit, size_t steps)
{
	size_t low = first_above(index, address);
	const struct range *range, *best = NULL;

	while ((range = next_holder(index, address, &low, &steps)))
		if (range->rank < limit && (!best || range->rank > best->rank))
			best = range;
	return best;
}

const struct range *range_index__find_below(
	const struct range_index *index, uint64_t address, uint32_t limit)
{
	return find_below(index, address, limit, MAX_HISTORY_STEPS);
}

const struct range *range_index__find_from(
	const struct range_index *index, uint64_t address, uint32_t limit)
{
	size_t low = first_above(index, address), steps = MAX_HISTORY_STEPS;
	const struct range *range, *best = NULL;

	while ((range = next_holder(index, address, &low, &steps)))
		if (range->rank >= limit && (!best || range->rank < best->rank))
			best = range;
	return best;
}

const struct range *range_index__find(const struct range_index *index, uint64_t address)
{
	return find_below(index, address, UINT32_MAX, MAX_STEPS);
}

void range_index__free(struct range_index *index)
{
	vec_free(&index->ranges);
}
