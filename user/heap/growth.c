/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/growth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The windows of one site as far as they have been closed. */
struct growth_site {
	bool seen;
	uint8_t window;	    /* the one that is open */
	uint8_t first_rise; /* window whose least was the first to exceed the one before */
	uint8_t last_rise;
	uint8_t rises; /* since the minima last fell */
	uint64_t first_slice;
	uint64_t held;	  /* at the end of the last cell */
	uint64_t left;	  /* of it, left behind */
	uint64_t least;	  /* in the open window */
	uint64_t before;  /* the least of the window before it */
	uint64_t start;	  /* the least of the window before the first rise */
	uint64_t most;	  /* ever held */
	uint64_t barrier; /* ever held before the minima last fell */
};

int growth__start(struct growths *growths, const struct growth_options *options)
{
	growths->options = *options;
	growths->sites =
		calloc(options->site_count ? options->site_count : 1, sizeof(*growths->sites));
	return growths->sites ? 0 : -ENOMEM;
}

static uint64_t count_slices(const struct growths *growths, const struct growth_site *site)
{
	return growths->options.now_slice - site->first_slice + 1;
}

static void note_rise(struct growth_site *site)
{
	/* After a long flat stretch it is another growth that begins. */
	if (site->window - site->last_rise > GROWTH_FLAT_WINDOWS)
		site->rises = 0;
	if (!site->rises++) {
		site->first_rise = site->window;
		site->start = site->before;
	}
	site->last_rise = site->window;
}

/*
 * Ends the open window and begins the next one with what the site holds. The first window's least
 * is nothing, as each site began with that: a rise from there says nothing.
 */
static void close_window(struct growth_site *site)
{
	if (site->least < site->before) {
		site->rises = 0;
		site->barrier = site->most;
	} else if (site->window > 1 && site->least > site->before) {
		note_rise(site);
	}
	site->before = site->least;
	site->least = site->held;
	site->window++;
}

static void close_windows(struct growth_site *site, unsigned int until)
{
	while (site->window < until)
		close_window(site);
}

/*
 * The least that was held within the cell's slice. Its low is of live and left together; where a
 * process ended in the slice, what that left is taken off, which is too much rather than too
 * little.
 */
static uint64_t low_of(const struct growths *growths, const struct slice_cell *cell)
{
	uint64_t low = cell->low_bytes;

	if (growths->options.with_left)
		return low;
	low = low > cell->left_bytes ? low - cell->left_bytes : 0;
	return low < cell->live_bytes ? low : cell->live_bytes;
}

void growth__add(struct growths *growths, const struct slice_cell *cell)
{
	struct growth_site *site;

	if (cell->site >= growths->options.site_count || cell->slice > growths->options.now_slice)
		return;
	site = &growths->sites[cell->site];
	if (!site->seen) {
		site->seen = true;
		site->first_slice = cell->slice;
	}
	close_windows(site,
		(cell->slice - site->first_slice) * GROWTH_WINDOWS / count_slices(growths, site));
	if (low_of(growths, cell) < site->least)
		site->least = low_of(growths, cell);
	site->held = cell->live_bytes + (growths->options.with_left ? cell->left_bytes : 0);
	if (site->held > site->most)
		site->most = site->held;
}

static bool only_grows(const struct growths *growths, const struct growth_site *site)
{
	uint64_t slices = count_slices(growths, site);
	unsigned int windows = GROWTH_WINDOWS - site->first_rise;

	if (!site->seen || slices < GROWTH_WINDOWS ||
		slices << growths->options.slice_shift < GROWTH_LEAST_NS)
		return false;
	return site->rises >= GROWTH_LEAST_RISES && 2 * site->rises >= windows &&
	       site->last_rise + GROWTH_FRESH_WINDOWS >= GROWTH_WINDOWS &&
	       site->before > site->barrier;
}

static struct growth judge(const struct growths *growths, struct growth_site *site)
{
	uint64_t slices = count_slices(growths, site);
	unsigned int shift = growths->options.slice_shift;
	unsigned int from, begun;

	close_windows(site, GROWTH_WINDOWS);
	if (!only_grows(growths, site))
		return (struct growth){0};
	from = site->first_rise - 1;
	begun = from == 1 ? 0 : from; /* the first window was not looked at */
	return (struct growth){
		.bytes = site->before - site->start,
		.since_ns = (site->first_slice + begun * slices / GROWTH_WINDOWS) << shift,
		.span_ns = ((site->last_rise - from) * slices / GROWTH_WINDOWS) << shift,
		.windows = GROWTH_WINDOWS - site->first_rise,
		.rises = site->rises,
	};
}

void growth__finish(struct growths *growths, struct growth *out, size_t count)
{
	for (size_t id = 0; id < count; id++)
		out[id] = id < growths->options.site_count ? judge(growths, &growths->sites[id])
							   : (struct growth){0};
	free(growths->sites);
	growths->sites = NULL;
}
