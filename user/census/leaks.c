/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/leaks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

/* A kind and a class: the group + 1. */
DEFINE_HASH_NUMBER(group_map, uint64_t, uint32_t);

int leak_kind__of(uint8_t state)
{
	static const int kinds[] = {
		[REACH_NONE] = -1,
		[REACH_START] = -1,
		[REACH_POSSIBLE] = LEAK_POSSIBLE,
		[REACH_DEFINITE] = LEAK_DEFINITE,
		[REACH_INDIRECT] = LEAK_INDIRECT,
	};

	return kinds[state];
}

const char *leak_kind__name(enum leak_kind kind)
{
	static const char *const names[] = {"definite", "indirect", "possible"};

	return names[kind];
}

int leaks__settle(
	const struct pointer_graph *graph, const struct suspects *suspects, uint8_t *states)
{
	size_t at = 0;
	int err;

	for (size_t i = 0; i < graph->blocks->size; i++) {
		uint64_t address = graph->blocks->data[i].address;

		while (at < suspects->blocks.size && suspects->blocks.data[at].address < address)
			at++;
		if (at == suspects->blocks.size || suspects->blocks.data[at].address != address)
			states[i] = REACH_START;
		else
			states[i] = REACH_NONE;
	}
	err = reach__mark(graph, states);
	return err ? err : reach__find_lost(graph, states);
}

static int add(struct leaks *leaks, struct group_map *map, const struct census_block *block,
	enum leak_kind kind, uint32_t class)
{
	uint32_t *known = group_map__insert(map, (uint64_t)kind << 32 | class);
	struct leak_group *group;

	if (!known)
		return -ENOMEM;
	if (!*known) {
		if (vec_push(&leaks->groups, (struct leak_group){.kind = kind, .class = class}))
			return -ENOMEM;
		*known = leaks->groups.size;
	}
	group = &leaks->groups.data[*known - 1];
	if (group->sum.count < LEAK_SAMPLES)
		group->samples[group->sum.count] = block->address;
	group->sum.count++;
	group->sum.bytes += block->size;
	leaks->kinds[kind].count++;
	leaks->kinds[kind].bytes += block->size;
	return 0;
}

static int by_weight(const void *left, const void *right)
{
	const struct leak_group *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->sum.bytes != b->sum.bytes)
		return a->sum.bytes > b->sum.bytes ? -1 : 1;
	return (a->class > b->class) - (a->class < b->class);
}

int leaks__judge(const struct pointer_graph *graph, const struct classes *classes,
	const struct suspects *suspects, uint8_t *states, struct leaks *out)
{
	struct group_map map = {0};
	int err = leaks__settle(graph, suspects, states);

	*out = (struct leaks){0};
	for (size_t i = 0; !err && i < graph->blocks->size; i++)
		if (leak_kind__of(states[i]) >= 0)
			err = add(out, &map, &graph->blocks->data[i], leak_kind__of(states[i]),
				classes->of[i]);
	if (out->groups.size)
		qsort(out->groups.data, out->groups.size, sizeof(*out->groups.data), by_weight);
	group_map__free(&map);
	return err;
}

void leaks__free(struct leaks *leaks)
{
	vec_free(&leaks->groups);
}
