/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/slices.h"

static void set_current(struct slices *slices, uint32_t current)
{
	slices->current = current;
	if (__builtin_add_overflow(
		    slices->start_ns, (uint64_t)(current + 1) << slices->shift, &slices->end_ns))
		slices->end_ns = UINT64_MAX; /* no time of a sound record is near */
}

void slices__init(struct slices *slices, uint64_t start_ns, size_t most_cells)
{
	slices->start_ns = start_ns;
	slices->shift = SLICE_FIRST_SHIFT;
	set_current(slices, 0);
	slices->is_bounded = most_cells && most_cells < SLICE_CELL_LIMIT;
	slices->limit = slices->is_bounded ? most_cells : SLICE_CELL_LIMIT;
	slices->cells.size = 0;
	slices->lost = 0;
}

void slices__free(struct slices *slices)
{
	vec_free(&slices->cells);
}

struct slice_cell slices__latest(const struct site *site, uint32_t id)
{
	return (struct slice_cell){
		.site = id,
		.slice = site->slice,
		.live_count = site->live_count,
		.live_bytes = site->live_bytes,
		.left_count = site->at_exit_count,
		.left_bytes = site->at_exit_bytes,
		.low_bytes = site->low_bytes,
		.alloc_count = site->alloc_count,
		.alloc_bytes = site->alloc_bytes,
		.temporary_count = site->temporary_count,
	};
}

/* The cell of a site that was kept last: its slice, and where its low_bytes is. */
struct kept {
	uint32_t slice;
	uint64_t *low_bytes;
};

/*
 * Of two cells that now fall into one slice the later one stays, with the lower low of both.
 * Backwards, as what comes later decides; `kept` is the cell after, at first the site as it is now.
 */
static void drop_merged(struct slices *slices, struct kept *kept)
{
	struct slice_cell *cells = slices->cells.data;
	size_t from = slices->cells.size, to = from;

	while (from-- > 0) {
		struct slice_cell *cell = &cells[from];
		struct kept *after = &kept[cell->site];

		cell->slice >>= 1;
		if (cell->slice == after->slice) {
			if (cell->low_bytes < *after->low_bytes)
				*after->low_bytes = cell->low_bytes;
			continue;
		}
		cells[--to] = *cell;
		*after = (struct kept){cell->slice, &cells[to].low_bytes};
	}
	slices->cells.size -= to;
	for (size_t i = 0; to && i < slices->cells.size; i++)
		cells[i] = cells[to + i];
}

static void widen(struct slices *slices, struct sites *sites)
{
	struct kept *kept = calloc(sites->list.size, sizeof(*kept));

	for (size_t id = 0; id < sites->list.size; id++) {
		struct site *site = &sites->list.data[id];

		site->slice >>= 1;
		if (kept)
			kept[id] = (struct kept){site->slice, &site->low_bytes};
	}
	if (kept) {
		drop_merged(slices, kept);
	} else {
		slices->lost += slices->cells.size;
		slices->cells.size = 0;
	}
	free(kept);
	slices->shift++;
	set_current(slices, slices->current >> 1);
}

void slices__advance(struct slices *slices, struct sites *sites, uint64_t time_ns)
{
	uint64_t elapsed = time_ns - slices->start_ns;

	while (elapsed >> slices->shift >= SLICE_LIMIT)
		widen(slices, sites);
	set_current(slices, elapsed >> slices->shift);
}

/* Twice as wide until half of the cells are free again, or the slices get too few for that. */
static void make_room(struct slices *slices, struct sites *sites)
{
	while (slices->cells.size > slices->limit / 2 && slices->current >= SLICE_MINIMUM)
		widen(slices, sites);
	if (slices->cells.size <= slices->limit / 2)
		return;
	if (!slices->is_bounded) {
		slices->limit *= 2;
		return;
	}
	slices->lost += slices->cells.size;
	slices->cells.size = 0;
}

void slices__store(struct slices *slices, struct sites *sites, uint32_t id)
{
	struct site *site = &sites->list.data[id];

	/* A site that was never used has nothing to store. */
	if (site->alloc_count | site->live_count | site->at_exit_count) {
		if (slices->cells.size >= slices->limit)
			make_room(slices, sites);
		if (site->slice != slices->current &&
			vec_push(&slices->cells, slices__latest(site, id)))
			slices->lost++;
	}
	/* make_room may have made this slice and the site's latest one the same. */
	if (site->slice != slices->current)
		site->low_bytes = site->live_bytes + site->at_exit_bytes;
	site->slice = slices->current;
}
