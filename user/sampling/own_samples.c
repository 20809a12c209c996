/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "sampling/own_samples.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

struct own_block {
	uint32_t place; /* of its site in `sites` */
	uint64_t size;
	uint64_t weight;
};

/* (process, address) */
DEFINE_HASH_PAIR(own_block_map, struct own_block);
/* site → place + 1 */
DEFINE_HASH_NUMBER(own_place_map, uint32_t, uint32_t);

struct own_samples {
	struct own_block_map blocks;
	struct own_place_map places;
	own_sites sites;
	uint64_t unknown_frees;
};

struct own_samples *own_samples__new(void)
{
	return calloc(1, sizeof(struct own_samples));
}

void own_samples__free(struct own_samples *samples)
{
	if (!samples)
		return;
	own_block_map__free(&samples->blocks);
	own_place_map__free(&samples->places);
	vec_free(&samples->sites);
	free(samples);
}

/* --- sums */

static void merge(struct own_sums *sums, const struct own_sums *other)
{
	sums->samples += other->samples;
	sums->bytes += other->bytes;
	sums->weight += other->weight;
	sums->blocks += other->blocks;
	sums->variance += other->variance;
}

static struct own_sums sums_of(const struct own_block *block)
{
	struct own_sums sums = {
		.samples = 1,
		.bytes = block->size,
		.weight = block->weight,
		.blocks = block->size ? (double)block->weight / block->size : 1,
	};

	if (block->weight > block->size)
		sums.variance = (double)block->weight * (block->weight - block->size);
	return sums;
}

static void add(struct own_sums *sums, const struct own_block *block)
{
	struct own_sums one = sums_of(block);

	merge(sums, &one);
}

static void subtract(struct own_sums *sums, const struct own_block *block)
{
	struct own_sums one = sums_of(block);

	sums->samples -= one.samples;
	sums->bytes -= one.bytes;
	sums->weight -= one.weight;
	sums->blocks -= one.blocks;
	sums->variance -= one.variance;
	/* What rounding leaves. */
	if (!sums->samples)
		sums->blocks = sums->variance = 0;
}

/* --- records */

/* The place of @site, added if it is new; -ENOMEM. */
static int64_t place_of(struct own_samples *samples, uint32_t site)
{
	uint32_t *place = own_place_map__insert(&samples->places, site);

	if (!place)
		return -ENOMEM;
	if (!*place) {
		if (vec_push(&samples->sites, ((struct own_site){.site = site})))
			return -ENOMEM;
		*place = samples->sites.size;
	}
	return *place - 1;
}

static int add_sample(struct own_samples *samples, const struct event_sample *event, uint32_t site)
{
	struct hash_pair key = {event->header.process, event->address};
	struct own_block *block, old;
	int64_t place = place_of(samples, site);

	if (place < 0)
		return place;
	/* Its free was lost, or had no probe. */
	if (own_block_map__remove(&samples->blocks, key, &old))
		subtract(&samples->sites.data[old.place].live, &old);
	block = own_block_map__insert(&samples->blocks, key);
	if (!block)
		return -ENOMEM;
	*block = (struct own_block){place, event->size, event->weight};
	add(&samples->sites.data[place].allocated, block);
	add(&samples->sites.data[place].live, block);
	return 0;
}

static void remove_sample(struct own_samples *samples, const struct event_free *event)
{
	struct hash_pair key = {event->header.process, event->address};
	struct own_block block;

	if (!event->address)
		return;
	if (own_block_map__remove(&samples->blocks, key, &block))
		subtract(&samples->sites.data[block.place].live, &block);
	else
		samples->unknown_frees++;
}

/* What image @process had is gone; with @exited it is told apart from then on. */
static int end_process(struct own_samples *samples, uint32_t process, bool exited)
{
	VEC(uint64_t) addresses = {0};
	struct own_block block;
	int err = 0;

	hash_for_each (slot, &samples->blocks)
		if (!err && slot->key.a == process)
			err = vec_push(&addresses, slot->key.b);
	vec_for_each (address, &addresses) {
		struct hash_pair key = {process, *address};

		if (!own_block_map__remove(&samples->blocks, key, &block))
			continue;
		subtract(&samples->sites.data[block.place].live, &block);
		if (exited)
			add(&samples->sites.data[block.place].at_exit, &block);
	}
	vec_free(&addresses);
	return err ? -ENOMEM : 0;
}

int own_samples__apply(
	struct own_samples *samples, const struct event_header *event, size_t size, uint32_t site)
{
	const struct event_process *process = (const struct event_process *)event;

	switch (event->kind) {
	case EVENT_SAMPLE:
		if (size < sizeof(struct event_sample))
			return -EINVAL;
		return add_sample(samples, (const struct event_sample *)event, site);
	case EVENT_SAMPLE_FREE:
		if (size < sizeof(struct event_free))
			return -EINVAL;
		remove_sample(samples, (const struct event_free *)event);
		return 0;
	case EVENT_EXEC:
		if (size < sizeof(*process))
			return -EINVAL;
		return end_process(samples, process->parent_process, false);
	case EVENT_EXIT:
		return end_process(samples, event->process, true);
	default:
		return 0;
	}
}

/* --- questions */

const own_sites *own_samples__sites(const struct own_samples *samples)
{
	return &samples->sites;
}

struct own_totals own_samples__totals(const struct own_samples *samples)
{
	struct own_totals totals = {.unknown_frees = samples->unknown_frees};

	vec_for_each (site, &samples->sites) {
		merge(&totals.allocated, &site->allocated);
		merge(&totals.live, &site->live);
		merge(&totals.at_exit, &site->at_exit);
	}
	return totals;
}
