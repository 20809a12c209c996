/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/traced_leaks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

DEFINE_HASH_NUMBER(site_map, uint64_t, struct traced_site);

struct leak_search {
	const struct census_image *image;
	const struct traced_source *source;
	struct traced_leaks *out;
	struct suspects suspects;
	struct traced_set set; /* of the last look */
	struct survey survey;
	struct pointer_graph graph;
	uint8_t *states;
};

static int take_set(struct leak_search *search, struct traced_set *set)
{
	int err;

	*set = (struct traced_set){0};
	err = search->source->take(search->source->context, set);
	if (!err)
		traced__arrange(set);
	return err;
}

static void drop_look(struct leak_search *search)
{
	pointer_graph__free(&search->graph);
	survey__free(&search->survey);
	traced__free(&search->set);
	free(search->states);
	search->survey = (struct survey){0};
	search->set = (struct traced_set){0};
	search->states = NULL;
}

static int look(struct leak_search *search)
{
	const struct census_memory *memory = &search->image->memory;
	int err = 0;

	if (search->out->looks++) {
		memory->pause(memory->context);
		err = memory->refresh ? memory->refresh(memory->context) : 0;
	}
	drop_look(search);
	err = err ? err : take_set(search, &search->set);
	err = err ? err : traced__survey(search->image, &search->set, &search->survey);
	err = err ? err : pointer_graph__read(search->image, &search->survey, &search->graph);
	if (err)
		return err;
	search->states = calloc(search->survey.blocks.size + 1, 1);
	if (!search->states)
		return -ENOMEM;
	err = reach__mark(&search->graph, search->states);
	return err ? err : suspects__look(&search->suspects, &search->graph, search->states);
}

static int look_on(struct leak_search *search, size_t looks)
{
	uint64_t last = 0;
	int err = look(search);

	while (!err && search->image->memory.pause &&
		suspects__want_look(&search->suspects, search->out->looks, looks, last)) {
		search->suspects.acquitted = 0;
		err = look(search);
		last = search->suspects.acquitted;
	}
	return err ? err : suspects__hunt(&search->suspects, search->image);
}

/* --- the sums */

static void add(struct leak_sum *sum, uint64_t bytes)
{
	sum->count++;
	sum->bytes += bytes;
}

/* What became of a block that is live at the end. */
static int count_block(struct leak_search *search, struct site_map *sites,
	const struct traced_block *block, const struct traced_block *then, uint8_t state)
{
	struct traced_site *site;
	int kind = leak_kind__of(state);

	if (block->site == TRACED_UNCOUNTED)
		return 0;
	site = site_map__insert(sites, block->site);
	if (!site)
		return -ENOMEM;
	site->site = block->site;
	/* Another block at the address by now. */
	if (kind >= 0 && (!then || then->time_ns != block->time_ns))
		kind = -1;
	add(kind < 0 ? &site->reachable : &site->kinds[kind], block->size);
	add(kind < 0 ? &search->out->reachable : &search->out->kinds[kind], block->size);
	return 0;
}

static int by_number(const void *left, const void *right)
{
	const struct traced_site *a = left, *b = right;

	return (a->site > b->site) - (a->site < b->site);
}

static int list_sites(struct traced_leaks *out, const struct site_map *sites)
{
	hash_for_each (slot, sites)
		if (vec_push(&out->sites, slot->value))
			return -ENOMEM;
	if (out->sites.size)
		qsort(out->sites.data, out->sites.size, sizeof(*out->sites.data), by_number);
	return 0;
}

/* The state of the block at @address in the last look; blocks ascend from *@at on. */
static uint8_t state_of(const struct leak_search *search, size_t *at, uint64_t address)
{
	const struct census_blocks *blocks = &search->survey.blocks;

	while (*at < blocks->size && blocks->data[*at].address < address)
		++*at;
	return *at < blocks->size && blocks->data[*at].address == address ? search->states[*at]
									  : REACH_START;
}

static void count_untraced(struct leak_search *search)
{
	const struct census_blocks *blocks = &search->survey.blocks;

	for (size_t i = 0; i < blocks->size; i++) {
		int kind = leak_kind__of(search->states[i]);

		if (kind >= 0 && !traced__at(&search->set, blocks->data[i].address))
			add(&search->out->before[kind], blocks->data[i].size);
	}
}

static int sum_up(struct leak_search *search)
{
	struct traced_set now;
	struct site_map sites = {0};
	size_t at = 0;
	int err = take_set(search, &now);

	err = err ? err : leaks__settle(&search->graph, &search->suspects, search->states);
	for (size_t i = 0; !err && i < now.blocks.size; i++) {
		const struct traced_block *block = &now.blocks.data[i];

		err = count_block(search, &sites, block, traced__at(&search->set, block->address),
			state_of(search, &at, block->address));
	}
	if (!err)
		count_untraced(search);
	err = err ? err : list_sites(search->out, &sites);
	site_map__free(&sites);
	traced__free(&now);
	return err;
}

int traced_leaks__find(const struct census_image *image, const struct traced_source *source,
	size_t looks, struct traced_leaks *out, struct error *error)
{
	struct leak_search search = {.image = image, .source = source, .out = out};
	int err;

	*out = (struct traced_leaks){0};
	err = look_on(&search, looks);
	err = err ? err : sum_up(&search);
	drop_look(&search);
	suspects__free(&search.suspects);
	if (err == -ESRCH)
		return error__set(error, err, "the process ended while its memory was read");
	return err ? error__set(error, err, "the search for leaks: %s", strerror(-err)) : 0;
}

void traced_leaks__free(struct traced_leaks *leaks)
{
	vec_free(&leaks->sites);
}
