/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What each call site held and had done over time, in bounded memory: the run is cut into at most
 * SLICE_LIMIT slices of equal width, and a site stores a cell when it changes for the first time in
 * a later slice. So an event costs one comparison; a site that does nothing costs nothing. When the
 * slices or the cells are too many, every slice becomes twice as wide.
 */
#ifndef MEMTRACE_HEAP_SLICES_H
#define MEMTRACE_HEAP_SLICES_H

#include <stdbool.h>

#include "heap/sites.h"

/* Finer than a hand can select on a screen. */
#define SLICE_LIMIT 256
/* About 19 MB. With so many sites that SLICE_MINIMUM slices need more, there are more. */
#define SLICE_CELL_LIMIT (1u << 18)
/* Fewer slices would say nothing. */
#define SLICE_MINIMUM 16
/* The first slices are 2^22 ns wide: about 4 ms. */
#define SLICE_FIRST_SHIFT 22

/* A site at the end of a slice in which it changed; the counts are those since the run's start. */
struct slice_cell {
	uint32_t site;
	uint32_t slice;
	uint64_t live_count; /* in processes that ran then */
	uint64_t live_bytes;
	uint64_t left_count; /* by processes that had ended */
	uint64_t left_bytes;
	uint64_t low_bytes; /* the least sum of live and left within the slice */
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t temporary_count;
};

struct slices {
	uint64_t start_ns;
	unsigned int shift; /* a slice is 2^shift ns wide */
	uint32_t current;
	uint64_t end_ns;	      /* of the current slice, CLOCK_MONOTONIC */
	size_t limit;		      /* of cells, before slices are merged */
	bool is_bounded;	      /* rather lose cells than have more */
	VEC(struct slice_cell) cells; /* of slices before the site's latest one, oldest first */
	uint64_t lost;		      /* cells that there was no memory for */
};

/*
 * @slices is {0} or was in use before; cells of before are dropped. @most_cells: never more,
 * whatever is lost; 0: SLICE_CELL_LIMIT or, with many sites, more.
 */
void slices__init(struct slices *slices, uint64_t start_ns, size_t most_cells);
void slices__free(struct slices *slices);

/* Makes the slice of @time_ns (beyond end_ns) the current one. */
void slices__advance(struct slices *slices, struct sites *sites, uint64_t time_ns);

/* Stores what site @id was at the end of the slice in which it changed last. */
void slices__store(struct slices *slices, struct sites *sites, uint32_t id);

/* The site as of now, which is its latest slice's cell. */
struct slice_cell slices__latest(const struct site *site, uint32_t id);

/* After what the site holds shrank: its least sum of live and left in this slice. */
static inline void slices__note_low(struct site *site)
{
	if (site->live_bytes + site->at_exit_bytes < site->low_bytes)
		site->low_bytes = site->live_bytes + site->at_exit_bytes;
}

/* Before site @id changes. */
static inline void slices__touch(struct slices *slices, struct sites *sites, uint32_t id)
{
	if (sites->list.data[id].slice != slices->current)
		slices__store(slices, sites, id);
}

#endif
