/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which call sites only grow, from the slices of time (slices.h): the sign of a leak, however
 * small it is beside what is large and flat. Pure: fed cells, it answers for each site.
 *
 * The time from a site's first allocation to now is cut into GROWTH_WINDOWS windows, and of each
 * the least that the site held is taken: what it gave back within a window (a cache that is
 * trimmed, a pool that is drained) does not count. A site only grows when
 *  - these minima have not fallen since some window,
 *  - they rose in at least GROWTH_LEAST_RISES windows since then, which are half of them or more,
 *    and still rise: a cache that is full is flat, and
 *  - the last one exceeds all that the site had held before: the upward half of a sawtooth is not
 *    growth.
 * Sites younger than GROWTH_LEAST_NS are not judged: everything grows while a program starts.
 */
#ifndef MEMTRACE_HEAP_GROWTH_H
#define MEMTRACE_HEAP_GROWTH_H

#include <stdbool.h>

#include "heap/slices.h"

#define GROWTH_WINDOWS 12
#define GROWTH_LEAST_RISES 4
/* A last rise longer ago than so many windows is not growth any more. */
#define GROWTH_FRESH_WINDOWS 2
/* So many windows without a rise part one growth from the next. */
#define GROWTH_FLAT_WINDOWS 3
#define GROWTH_LEAST_NS 300000000ull

/* How a site has grown; rises 0: it does not only grow. */
struct growth {
	uint64_t bytes;	   /* from the least of the first window to that of the last one */
	uint64_t since_ns; /* when it began, from the run's start */
	uint64_t span_ns;  /* the time in which it grew by `bytes` */
	uint32_t windows;  /* since then, */
	uint32_t rises;	   /* in so many of which the least that it held rose */
};

/* Bytes a second. */
static inline uint64_t growth__rate(const struct growth *growth)
{
	return growth->span_ns ? (uint64_t)(growth->bytes * 1e9 / growth->span_ns) : 0;
}

struct growth_options {
	unsigned int slice_shift; /* a slice is 2^shift ns wide */
	uint64_t now_slice;	  /* the slice that holds the present, not before the last cell's */
	bool with_left; /* blocks left behind by ended processes count as held: they all ended */
	size_t site_count;
};

struct growth_site;

struct growths {
	struct growth_options options;
	struct growth_site *sites;
};

/* 0 or -ENOMEM. */
int growth__start(struct growths *growths, const struct growth_options *options);

/* The cells of a site must come in the order of time. */
void growth__add(struct growths *growths, const struct slice_cell *cell);

/* Fills @out[0..@count) by site id, zero beyond site_count, and frees what @growths holds. */
void growth__finish(struct growths *growths, struct growth *out, size_t count);

#endif
