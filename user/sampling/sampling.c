/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "sampling/sampling.h"

#include <errno.h>
#include <string.h>

#include "sampling/sampling_private.h"

/* A thread that got less done than this part of what it would is not counted on. */
#define MOST_SLOWED 0.998

struct sampling *sampling__new(void)
{
	struct sampling *sampling = calloc(1, sizeof(*sampling));

	if (sampling)
		sampling->random = 0x9e3779b97f4a7c15ull;
	return sampling;
}

static void clear_window(struct sampling *sampling)
{
	window_thread_map__free(&sampling->thread_index);
	window_cell_map__free(&sampling->cells);
	fresh_map__free(&sampling->fresh);
	sampling->threads.size = 0;
	sampling->controls.size = 0;
	sampling->freed = 0;
	sampling->is_open = sampling->is_late = false;
}

void sampling__free(struct sampling *sampling)
{
	if (!sampling)
		return;
	clear_window(sampling);
	vec_free(&sampling->threads);
	vec_free(&sampling->controls);
	vec_free(&sampling->sites);
	vec_free(&sampling->windows);
	vec_free(&sampling->sample);
	sample_map__free(&sampling->by_address);
	free(sampling);
}

uint64_t sampling__random(struct sampling *sampling, uint64_t below)
{
	sampling->random += 0x9e3779b97f4a7c15ull;
	return hash_mix(sampling->random) % below;
}

/* --- allocations and frees in a window */

static struct hash_pair address_key(uint32_t process, uint64_t address)
{
	return (struct hash_pair){process, address};
}

/* Index of the record's thread, whose traps are counted; UINT32_MAX: no memory. */
static uint32_t count_traps(
	struct sampling *sampling, const struct event_header *event, uint64_t traps)
{
	struct hash_pair key = {event->process, event->tid};
	uint32_t *index = window_thread_map__find(&sampling->thread_index, key);

	if (!index) {
		if (vec_push(&sampling->threads, (struct window_thread){0}))
			return UINT32_MAX;
		index = window_thread_map__insert(&sampling->thread_index, key);
		if (!index)
			return UINT32_MAX;
		*index = sampling->threads.size - 1;
	}
	sampling->threads.data[*index].traps += traps;
	return *index;
}

static int see_alloc(struct sampling *sampling, const struct event_header *event, uint64_t address,
	uint64_t size, uint32_t site)
{
	uint32_t thread = count_traps(sampling, event, 2);
	struct fresh_block *fresh;
	struct window_cell *cell;

	sample__end(sampling, event->process, address);
	if (thread == UINT32_MAX)
		return -ENOMEM;
	cell = window_cell_map__insert(&sampling->cells, (struct hash_pair){site, thread});
	fresh = fresh_map__insert(&sampling->fresh, address_key(event->process, address));
	if (!cell || !fresh)
		return -ENOMEM;
	cell->count++;
	cell->bytes += size;
	cell->squared_bytes += (double)size * size;
	*fresh = (struct fresh_block){
		.size = size,
		.time_ns = event->time_ns,
		.site = site,
		.thread = thread,
		.is_early = !sampling->is_late,
	};
	return 0;
}

/* Every freed block has the same chance to be among the controls of its window. */
static int add_control(struct sampling *sampling, const struct event_header *event,
	uint64_t address, const struct fresh_block *block)
{
	struct sampled_block control = {
		.address = address,
		.size = block->size,
		.time_ns = event->time_ns,
		.weight = 1,
		.process = event->process,
		.site = block->site,
		.is_control = true,
	};
	uint64_t place = sampling->freed++;

	if (place < CONTROLS_PER_WINDOW)
		return vec_push(&sampling->controls, control);
	place = sampling__random(sampling, sampling->freed);
	if (place < sampling->controls.size)
		sampling->controls.data[place] = control;
	return 0;
}

static int see_free(struct sampling *sampling, const struct event_header *event, uint64_t address)
{
	struct fresh_block block;

	sample__end(sampling, event->process, address);
	if (count_traps(sampling, event, 1) == UINT32_MAX)
		return -ENOMEM;
	if (!fresh_map__remove(&sampling->fresh, address_key(event->process, address), &block))
		return 0;
	return add_control(sampling, event, address, &block);
}

/* --- windows */

/* How much a thread was slowed that spent @cost on its probes. */
static double slowed_by(const struct window_thread *thread, double cost, double window_ns)
{
	/* One whose time is not known never rested. */
	double cpu = thread->cpu_ns ? thread->cpu_ns : window_ns;
	double busy = thread->cpu_ns ? (cpu + thread->delay_ns) / window_ns : 1;
	double part = cpu > 0 ? cost / cpu : 0;

	if (busy > 1)
		busy = 1;
	if (part > 1)
		part = 1;
	part *= busy;
	return part > MOST_SLOWED ? MOST_SLOWED : part;
}

/* The window's cost is the threads', by their traps. */
static void find_slowed(struct sampling *sampling)
{
	const struct window_sums *open = &sampling->open;
	double window_ns = open->end_ns - open->begin_ns;
	uint64_t traps = 0;

	vec_for_each (thread, &sampling->threads)
		traps += thread->traps;
	vec_for_each (thread, &sampling->threads)
		thread->slowed =
			traps && window_ns > 0
				? slowed_by(thread, (double)open->cost_ns * thread->traps / traps,
					  window_ns)
				: 0;
}

static int grow_sites(struct sampling *sampling, uint32_t site)
{
	size_t before = sampling->sites.size;

	if (site < before)
		return 0;
	if (vec_reserve(&sampling->sites, (size_t)site + 1))
		return -ENOMEM;
	sampling->sites.size = (size_t)site + 1;
	memset(&sampling->sites.data[before], 0,
		(sampling->sites.size - before) * sizeof(sampling->sites.data[0]));
	return 0;
}

/* What a site got done in the window, its threads together. */
struct done {
	double count;
	double bytes;
};
DEFINE_HASH_NUMBER(done_map, uint64_t, struct done);

static int add_cell(struct sampling *sampling, struct done_map *map, uint32_t site, uint32_t thread,
	const struct window_cell *cell)
{
	double p = sampling->threads.data[thread].slowed, repaired = 1 / (1 - p);
	struct done *done = done_map__insert(map, site);
	struct site_sums *both[2];

	if (!done || grow_sites(sampling, site))
		return -ENOMEM;
	done->count += cell->count * repaired;
	done->bytes += cell->bytes * repaired;
	both[0] = &sampling->sites.data[site];
	both[1] = &sampling->all;
	for (size_t i = 0; i < 2; i++) {
		both[i]->seen_count += cell->count;
		both[i]->seen_bytes += cell->bytes;
		both[i]->squared_bytes += cell->squared_bytes;
		both[i]->done_count += cell->count * repaired;
		both[i]->done_bytes += cell->bytes * repaired;
		both[i]->moved_count += cell->count * repaired * p * repaired;
		both[i]->moved_bytes += cell->bytes * repaired * p * repaired;
	}
	return 0;
}

static int add_cells(struct sampling *sampling, uint32_t window, double window_ns)
{
	struct done_map map = {0};
	struct done all = {0};
	int err = 0;

	hash_for_each (slot, &sampling->cells)
		err = err ? err : add_cell(sampling, &map, slot->key.a, slot->key.b, &slot->value);
	hash_for_each (slot, &map) {
		if (err || window_ns <= 0)
			break;
		rest__see(sampling, &sampling->sites.data[slot->key], window,
			slot->value.count / window_ns, slot->value.bytes / window_ns);
		all.count += slot->value.count;
		all.bytes += slot->value.bytes;
	}
	if (window_ns > 0)
		rest__see(sampling, &sampling->all, window, all.count / window_ns,
			all.bytes / window_ns);
	done_map__free(&map);
	return err;
}

static int end_window(struct sampling *sampling, const struct event_window *event)
{
	struct window_sums *open = &sampling->open;
	int err;

	open->end_ns = event->header.time_ns;
	open->cost_ns = event->cost_ns - sampling->last_cost_ns;
	if (!sampling->is_late)
		open->middle_ns = open->end_ns;
	find_slowed(sampling);
	err = vec_push(&sampling->windows, *open);
	err = err ? err
		  : add_cells(sampling, sampling->windows.size - 1, open->end_ns - open->begin_ns);
	err = err ? err : sample__take(sampling, sampling->windows.size - 1);
	clear_window(sampling);
	return err;
}

static int see_edge(struct sampling *sampling, const struct event_window *event)
{
	int err = 0;

	sampling->uncertainty = event->uncertainty_ppm / 1e6;
	sampling->budget = event->budget_ppm / 1e6;
	if (!sampling->has_begun) {
		sampling->has_begun = true;
		sampling->first_ns = event->header.time_ns;
		sampling->last_cost_ns = event->cost_ns;
	}
	switch (event->header.flags) {
	case WINDOW_BEGIN:
		/* One whose end was lost does not count. */
		clear_window(sampling);
		sampling->is_open = true;
		sampling->open = (struct window_sums){.begin_ns = event->header.time_ns};
		break;
	case WINDOW_MIDDLE:
		if (sampling->is_open && !sampling->is_late) {
			sampling->is_late = true;
			sampling->open.middle_ns = event->header.time_ns;
		}
		break;
	case WINDOW_END:
		if (sampling->is_open)
			err = end_window(sampling, event);
		sampling->last_cost_ns = event->cost_ns;
		break;
	}
	sampling->last_ns = event->header.time_ns;
	return err;
}

static void see_thread(struct sampling *sampling, const struct event_window_thread *event)
{
	struct hash_pair key = {event->header.process, event->header.tid};
	uint32_t *index = window_thread_map__find(&sampling->thread_index, key);

	if (!index)
		return;
	sampling->threads.data[*index].cpu_ns = event->cpu_ns;
	sampling->threads.data[*index].delay_ns = event->delay_ns;
}

/* --- records */

static int see_realloc(
	struct sampling *sampling, const struct event_realloc_end *event, uint32_t site)
{
	if (event->header.flags != REALLOC_MOVED || !event->address)
		return 0;
	return see_alloc(sampling, &event->header, event->address, event->size, site);
}

int sampling__apply(
	struct sampling *sampling, const struct event_header *event, size_t size, uint32_t site)
{
	const struct event_alloc *alloc = (const void *)event;

	switch (event->kind) {
	case EVENT_WINDOW:
		return size < sizeof(struct event_window) ? 0 : see_edge(sampling, (void *)event);
	case EVENT_WINDOW_THREAD:
		if (size >= sizeof(struct event_window_thread))
			see_thread(sampling, (const void *)event);
		return 0;
	case EVENT_LIVENESS:
		if (size >= sizeof(struct event_liveness))
			sample__answer(sampling, (const void *)event);
		return 0;
	}
	if (!sampling->is_open)
		return 0;
	switch (event->kind) {
	case EVENT_ALLOC:
		if (size < sizeof(*alloc) || !alloc->address)
			return 0;
		return see_alloc(sampling, event, alloc->address, alloc->size, site);
	case EVENT_REALLOC_END:
		return size < sizeof(struct event_realloc_end)
			       ? 0
			       : see_realloc(sampling, (const void *)event, site);
	case EVENT_FREE:
	case EVENT_REALLOC_BEGIN:
		return size < sizeof(struct event_free)
			       ? 0
			       : see_free(sampling, event, ((struct event_free *)event)->address);
	}
	return 0;
}
