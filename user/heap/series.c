/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/series.h"

#include <string.h>

void series__init(struct series *series, uint64_t start_ns)
{
	memset(series, 0, sizeof(*series));
	series->start_ns = start_ns;
	series->shift = SERIES_FIRST_SHIFT;
	series->size = 1;
	series->end_ns = 1ull << series->shift;
}

static struct series_point merge(const struct series_point *a, const struct series_point *b)
{
	return (struct series_point){
		.live_min = a->live_min < b->live_min ? a->live_min : b->live_min,
		.live_max = a->live_max > b->live_max ? a->live_max : b->live_max,
		.live_last = b->live_last,
		.mapped_last = b->mapped_last,
		.alloc_count = a->alloc_count + b->alloc_count,
		.alloc_bytes = a->alloc_bytes + b->alloc_bytes,
		.free_count = a->free_count + b->free_count,
	};
}

static void widen(struct series *series)
{
	size_t merged = 0;

	for (size_t i = 0; i < series->size; i += 2) {
		const struct series_point *a = &series->points[i];

		series->points[merged++] = i + 1 < series->size ? merge(a, a + 1) : *a;
	}
	series->size = merged;
	series->shift++;
}

void series__advance(struct series *series, uint64_t time_ns)
{
	uint64_t elapsed = time_ns - series->start_ns;

	while (elapsed >> series->shift >= SERIES_BUCKETS)
		widen(series);
	while (series->size <= elapsed >> series->shift) {
		const struct series_point *last = &series->points[series->size - 1];

		series->points[series->size++] = (struct series_point){
			.live_min = last->live_last,
			.live_max = last->live_last,
			.live_last = last->live_last,
			.mapped_last = last->mapped_last,
		};
	}
	series->end_ns = (uint64_t)series->size << series->shift;
}
