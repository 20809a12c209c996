/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/range_index.h"

#include <stdlib.h>

#include "base/search.h"

/* How many ranges are looked at for one address. Nesting of real code is below 10 deep. */
#define MAX_STEPS 1024

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

const struct range *range_index__find(const struct range_index *index, uint64_t address)
{
	const struct range *ranges = index->ranges.data, *best = NULL;
	size_t low = search_first(index->ranges.size, i, ranges[i].start <= address);

	for (size_t step = 0; low > 0 && step < MAX_STEPS; step++) {
		const struct range *range = &ranges[--low];

		if (range->max_end <= address)
			break;
		if (range->end > address && (!best || range->rank > best->rank))
			best = range;
	}
	return best;
}

void range_index__free(struct range_index *index)
{
	vec_free(&index->ranges);
}
