/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/shares.h"

int shares__init(struct shares *shares, size_t limit)
{
	shares->limit = limit && limit < SHARE_LIMIT ? limit : SHARE_LIMIT;
	return vec_push(&shares->list, (struct heap_share){0});
}

void shares__free(struct shares *shares)
{
	vec_free(&shares->list);
	share_index__free(&shares->index);
}

static uint64_t pair_key(uint32_t site, uint32_t thread)
{
	return (uint64_t)site << 32 | thread;
}

struct heap_share *shares__find(
	struct shares *shares, struct site *site, uint32_t id, uint32_t thread)
{
	uint32_t *place = share_index__find(&shares->index, pair_key(id, thread));

	if (!place && shares->list.size > shares->limit) {
		thread = 0;
		place = share_index__find(&shares->index, pair_key(id, thread));
	}
	if (!place) {
		struct heap_share share = {.site = id, .thread = thread};

		if (vec_reserve(&shares->list, shares->list.size + 1))
			return &shares->list.data[0];
		place = share_index__insert(&shares->index, pair_key(id, thread));
		if (!place)
			return &shares->list.data[0];
		*place = shares->list.size;
		shares->list.data[shares->list.size++] = share;
	}
	site->share = *place;
	return &shares->list.data[*place];
}

/* Adds @from to the share of thread 0 at its site, or lets it take that place. */
static void add_to_others(struct shares *shares, struct heap_share *from, size_t place)
{
	uint32_t *known = share_index__insert(&shares->index, pair_key(from->site, 0));
	struct heap_share *others = &shares->list.data[known ? *known : 0];

	if (known && !*known) {
		*known = place;
		from->thread = 0;
		return;
	}
	others->alloc_count += from->alloc_count;
	others->alloc_bytes += from->alloc_bytes;
	others->temporary_count += from->temporary_count;
	*from = (struct heap_share){0};
}

void shares__add_up(struct shares *shares, struct sites *sites, const bool *is_gone)
{
	struct heap_share *list = shares->list.data;
	size_t kept = 1;

	for (size_t i = 1; i < shares->list.size; i++) {
		if (!is_gone[list[i].thread])
			continue;
		share_index__remove(&shares->index, pair_key(list[i].site, list[i].thread), NULL);
		add_to_others(shares, &list[i], i);
	}
	/* Those that are left move together, and the index follows. */
	for (size_t i = 1; i < shares->list.size; i++) {
		uint32_t *place;

		if (!list[i].site && !list[i].alloc_count)
			continue;
		place = share_index__find(&shares->index, pair_key(list[i].site, list[i].thread));
		if (place)
			*place = kept;
		list[kept++] = list[i];
	}
	shares->list.size = kept;
	vec_for_each (site, &sites->list)
		site->share = 0;
}
