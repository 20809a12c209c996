/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/sites.h"

#include <string.h>

#include "event.h"

int sites__init(struct sites *sites)
{
	memset(sites, 0, sizeof(*sites));
	for (int i = 0; i < SITE_FIRST_STACK; i++)
		if (vec_push(&sites->list, (struct site){.stop = STACK_NOT_WALKED}))
			return -ENOMEM;
	return 0;
}

void sites__free(struct sites *sites)
{
	vec_for_each (site, &sites->list) {
		free(site->lifetimes);
		free(site->mapped);
	}
	vec_free(&sites->list);
	vec_free(&sites->frames);
	site_index__free(&sites->index);
}

static uint64_t hash_frames(const struct site_frame *frames, size_t count)
{
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++)
		hash = hash_combine(hash_combine(hash, frames[i].module), frames[i].offset);
	return hash;
}

static bool has_frames(
	const struct sites *sites, uint32_t id, const struct site_frame *frames, size_t count)
{
	const struct site *site = &sites->list.data[id];
	const struct site_frame *own = sites->frames.data + site->first_frame;

	if (site->frame_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (own[i].module != frames[i].module || own[i].offset != frames[i].offset)
			return false;
	return true;
}

/* The id under @hash or the next free key after it; two stacks may share a hash. */
static const uint32_t *find_site(
	struct sites *sites, uint64_t *hash, const struct site_frame *frames, size_t count)
{
	const uint32_t *id;

	while ((id = site_index__find(&sites->index, *hash))) {
		if (has_frames(sites, *id, frames, count))
			return id;
		++*hash;
	}
	return NULL;
}

static int add_site(struct sites *sites, uint64_t hash, const struct site_frame *frames,
	size_t count, uint8_t stop)
{
	uint32_t *id;

	if (vec_reserve(&sites->frames, sites->frames.size + count) ||
		vec_reserve(&sites->list, sites->list.size + 1))
		return -ENOMEM;
	id = site_index__insert(&sites->index, hash);
	if (!id)
		return -ENOMEM;
	*id = sites->list.size;
	sites->list.data[sites->list.size++] = (struct site){
		.first_frame = sites->frames.size,
		.frame_count = count,
		.stop = stop,
	};
	memcpy(sites->frames.data + sites->frames.size, frames, count * sizeof(*frames));
	sites->frames.size += count;
	return *id;
}

uint32_t sites__intern(
	struct sites *sites, const struct site_frame *frames, size_t count, uint8_t stop)
{
	const uint32_t *known;
	uint64_t hash;
	int id = -ENOSPC;

	if (!count)
		return SITE_NO_STACK;
	if (count > EVENT_MAX_FRAMES)
		count = EVENT_MAX_FRAMES;
	hash = hash_frames(frames, count);
	known = find_site(sites, &hash, frames, count);
	if (known)
		return *known;
	if (sites->list.size < HEAP_MAX_SITES && !sites->is_closed)
		id = add_site(sites, hash, frames, count, stop);
	if (id >= 0)
		return id;
	sites->refused++;
	return SITE_TABLE_FULL;
}

struct site_mapped *sites__mapped(struct sites *sites, uint32_t id)
{
	struct site *site = &sites->list.data[id];

	if (!site->mapped)
		site->mapped = calloc(1, sizeof(*site->mapped));
	return site->mapped;
}

void site__add_lifetime(struct site *site, uint64_t ns)
{
	unsigned int bucket = 63 - __builtin_clzll(ns | 1);

	if (!site->lifetimes)
		site->lifetimes = calloc(LIFETIME_BUCKETS, sizeof(*site->lifetimes));
	if (site->lifetimes)
		site->lifetimes[bucket < LIFETIME_BUCKETS ? bucket : LIFETIME_BUCKETS - 1]++;
}
