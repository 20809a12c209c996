/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A time series of bounded memory for a run of any length: a fixed number of buckets; when the
 * run outgrows them, neighbours are merged and every bucket becomes twice as wide. So there are
 * always between SERIES_BUCKETS / 2 and SERIES_BUCKETS of them (once the first second is over).
 */
#ifndef MEMTRACE_HEAP_SERIES_H
#define MEMTRACE_HEAP_SERIES_H

#include <stddef.h>
#include <stdint.h>

#define SERIES_BUCKETS 1024
/* The first buckets are 2^20 ns wide: about 1 ms, finer than anyone looks at a heap. */
#define SERIES_FIRST_SHIFT 20

/* What happened in one bucket; "last" values are those at its end. */
struct series_point {
	uint64_t live_min;    /* bytes */
	uint64_t live_max;    /* bytes */
	uint64_t live_last;   /* bytes */
	uint64_t mapped_last; /* bytes of the mappings account */
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t free_count;
};

struct series {
	uint64_t start_ns;
	unsigned int shift; /* a bucket is 2^shift ns wide */
	size_t size;	    /* buckets begun; the last one is still being filled */
	uint64_t end_ns;    /* of the last bucket, relative to start_ns */
	struct series_point points[SERIES_BUCKETS];
};

void series__init(struct series *series, uint64_t start_ns);

/* Makes the bucket of @time_ns the last one; those between repeat the last values. */
void series__advance(struct series *series, uint64_t time_ns);

/* The bucket of @time_ns; a time before the last bucket (records of two CPUs) falls into it. */
static inline struct series_point *series__at(struct series *series, uint64_t time_ns)
{
	if (time_ns - series->start_ns >= series->end_ns && time_ns > series->start_ns)
		series__advance(series, time_ns);
	return &series->points[series->size - 1];
}

static inline void series__set_live(struct series_point *point, uint64_t bytes)
{
	point->live_last = bytes;
	if (bytes > point->live_max)
		point->live_max = bytes;
	if (bytes < point->live_min)
		point->live_min = bytes;
}

#endif
