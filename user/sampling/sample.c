/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The blocks that are asked for: which are taken, what becomes of them. */
#include <errno.h>
#include <stdlib.h>

#include "sampling/sampling_private.h"

/* Sizes up to this have a class for each 16 bytes, as glibc's lists; larger ones one per octave. */
#define FINE_SIZES 1024

unsigned int sample__class(uint64_t size)
{
	/* malloc.c, request2size: 8 bytes more, rounded up to 16, 32 at least. */
	uint64_t chunk = size < 24 ? 32 : (size + 8 + 15) & ~15ull;

	if (chunk <= FINE_SIZES)
		return chunk / 16;
	return FINE_SIZES / 16 + 64 - __builtin_clzll(chunk / FINE_SIZES);
}

static struct hash_pair key_of(const struct sampled_block *block)
{
	return (struct hash_pair){block->process, block->address};
}

static int index_block(struct sampling *sampling, uint32_t place)
{
	struct sampled_block *block = &sampling->sample.data[place];
	uint32_t *latest = sample_map__insert(&sampling->by_address, key_of(block));

	if (!latest)
		return -ENOMEM;
	block->next = *latest;
	*latest = place + 1;
	return 0;
}

static int add_block(struct sampling *sampling, const struct sampled_block *block)
{
	if (vec_push(&sampling->sample, *block))
		return -ENOMEM;
	return index_block(sampling, sampling->sample.size - 1);
}

/* --- thinning */

/* Every second block of the sample goes, at random, and the others stand for twice as many. */
static int thin(struct sampling *sampling)
{
	size_t kept = 0;
	int err = 0;

	vec_for_each (block, &sampling->sample) {
		if (sampling__random(sampling, 2))
			continue;
		block->weight *= 2;
		sampling->sample.data[kept++] = *block;
	}
	sampling->sample.size = kept;
	sample_map__free(&sampling->by_address);
	for (size_t i = 0; i < kept && !err; i++)
		err = index_block(sampling, i);
	return err;
}

/* --- a window's end */

static int by_site(const void *a, const void *b)
{
	const struct sampled_block *x = a, *y = b;

	return (x->site > y->site) - (x->site < y->site);
}

struct candidate_list {
	VEC(struct sampled_block) list;
};

static int collect_candidates(
	struct sampling *sampling, uint32_t window, struct candidate_list *candidates)
{
	hash_for_each (slot, &sampling->fresh) {
		const struct fresh_block *fresh = &slot->value;
		struct sampled_block block = {
			.address = slot->key.b,
			.size = fresh->size,
			.time_ns = fresh->time_ns,
			.weight = 1 / (1 - sampling->threads.data[fresh->thread].slowed),
			.process = slot->key.a,
			.site = fresh->site,
			.window = window,
		};

		if (fresh->is_early && vec_push(&candidates->list, block))
			return -ENOMEM;
	}
	return 0;
}

static size_t count_sites(const struct candidate_list *candidates)
{
	size_t sites = 0;

	for (size_t i = 0; i < candidates->list.size; i++)
		sites += !i || candidates->list.data[i].site != candidates->list.data[i - 1].site;
	return sites;
}

/* Of @count blocks of one site, at most @most, each with the same chance. */
static int take_some(
	struct sampling *sampling, struct sampled_block *blocks, size_t count, size_t most)
{
	size_t taken = count < most ? count : most;

	for (size_t i = 0; i < taken; i++) {
		size_t other = i + sampling__random(sampling, count - i);
		struct sampled_block block = blocks[other];

		blocks[other] = blocks[i];
		block.weight *= (double)count / taken;
		if (add_block(sampling, &block))
			return -ENOMEM;
	}
	return 0;
}

int sample__take(struct sampling *sampling, uint32_t window)
{
	struct candidate_list candidates = {0};
	int err = collect_candidates(sampling, window, &candidates);
	size_t sites, most, count;

	if (!err && candidates.list.size)
		qsort(candidates.list.data, candidates.list.size, sizeof(struct sampled_block),
			by_site);
	sites = count_sites(&candidates);
	most = sites ? SAMPLE_PER_WINDOW / sites : 0;
	most = most > SAMPLE_PER_SITE ? SAMPLE_PER_SITE : most < SAMPLE_LEAST ? SAMPLE_LEAST : most;
	for (size_t i = 0; i < candidates.list.size && !err; i += count) {
		struct sampled_block *blocks = &candidates.list.data[i];

		count = 1;
		while (i + count < candidates.list.size && blocks[count].site == blocks->site)
			count++;
		err = take_some(sampling, blocks, count, most);
	}
	vec_free(&candidates.list);
	vec_for_each (control, &sampling->controls) {
		control->window = window;
		err = err ? err : add_block(sampling, control);
	}
	return !err && sampling->sample.size > SAMPLE_LIMIT ? thin(sampling) : err;
}

/* --- later */

void sample__end(struct sampling *sampling, uint32_t process, uint64_t address)
{
	uint32_t *latest =
		sample_map__find(&sampling->by_address, (struct hash_pair){process, address});

	for (uint32_t at = latest ? *latest : 0; at; at = sampling->sample.data[at - 1].next)
		sampling->sample.data[at - 1].is_dead = sampling->sample.data[at - 1].is_asked =
			true;
}

void sample__answer(struct sampling *sampling, const struct event_liveness *event)
{
	uint32_t *latest = sample_map__find(
		&sampling->by_address, (struct hash_pair){event->header.process, event->address});

	sampling->answers++;
	sampling->unknown_answers += event->header.flags == LIVENESS_UNKNOWN;
	for (uint32_t at = latest ? *latest : 0; at; at = sampling->sample.data[at - 1].next) {
		struct sampled_block *block = &sampling->sample.data[at - 1];

		block->is_asked |= event->header.flags != LIVENESS_UNKNOWN;
		block->is_dead |= event->header.flags == LIVENESS_FREE;
	}
}

/* The block, and those that had its address before, are not due again for a while. */
static bool is_due(struct sampling *sampling, uint32_t at, uint64_t now_ns, bool all)
{
	bool is_due = false;

	for (; at; at = sampling->sample.data[at - 1].next) {
		struct sampled_block *block = &sampling->sample.data[at - 1];
		uint64_t age = now_ns > block->time_ns ? now_ns - block->time_ns : 0;

		if (block->is_dead || (!all && block->next_ns > now_ns))
			continue;
		is_due = true;
		block->next_ns = now_ns + (age > ASK_INTERVAL_NS ? age : ASK_INTERVAL_NS);
	}
	return is_due;
}

int sampling__due(struct sampling *sampling, uint64_t now_ns, bool all, asked_blocks *blocks)
{
	hash_for_each (slot, &sampling->by_address) {
		const struct sampled_block *latest = &sampling->sample.data[slot->value - 1];
		struct asked_block asked = {
			.process = latest->process,
			.is_freed = latest->is_control,
			.address = latest->address,
			.size = latest->size,
		};

		if (is_due(sampling, slot->value, now_ns, all) && vec_push(blocks, asked))
			return -ENOMEM;
	}
	return 0;
}
