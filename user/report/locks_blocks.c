/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/locks_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "locks/idle.h"

#define NOT_LISTED SIZE_MAX

/* What needs a person's eye first; those in cycles are printed before. */
static const enum verdict by_urgency[] = {VERDICT_FORKED, VERDICT_LOST, VERDICT_HUNG,
	VERDICT_OWNER_DEAD, VERDICT_OWNER_ELSEWHERE, VERDICT_OWNER_UNKNOWN, VERDICT_OWNER_BUSY,
	VERDICT_STALL, VERDICT_IDLE};

static size_t find_urgency(enum verdict verdict)
{
	for (size_t n = 0; n < sizeof(by_urgency) / sizeof(*by_urgency); n++)
		if (by_urgency[n] == verdict)
			return n;
	return NOT_LISTED;
}

static uint64_t hash_stack(const struct lock_thread *thread)
{
	uint64_t hash = thread->frame_count;

	for (size_t i = 0; i < thread->frame_count; i++)
		hash = hash_combine(hash, thread->frames[i].pc);
	return hash;
}

/* Whether waits of @verdict are alike although their locks are not: nobody has one. */
static bool locks_differ(enum verdict verdict, const struct lock_wait *wait)
{
	return (verdict == VERDICT_STALL || verdict == VERDICT_IDLE ||
		       (verdict == VERDICT_HUNG && !wait_kind__has_holder(wait->kind))) &&
	       !wait->owner;
}

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0;

	for (; *name; name++)
		hash = hash_combine(hash, *name);
	return hash;
}

static uint64_t hash_wait(enum verdict verdict, const struct lock_wait *wait)
{
	uint64_t hash = hash_combine(hash_stack(wait->thread), wait->thread->pid);

	hash = hash_combine(hash, (uint64_t)verdict << 32 | wait->kind << 1 | wait->futex.timed);
	hash = hash_combine(hash, wait->owner ? wait->owner->tid : wait->owner_number);
	if (locks_differ(verdict, wait))
		return hash_combine(hash, hash_name(wait->name));
	return hash_combine(hash_combine(hash, wait->key.offset), wait->key.inode);
}

/* Of each kind of wait, by its hash, the place of its block plus one. */
DEFINE_HASH_NUMBER(block_map, uint64_t, size_t);

static void add_to_block(
	struct wait_block *block, const struct lock_findings *findings, size_t index)
{
	const struct lock_wait *wait = &findings->waits.data[index];
	uint64_t age = wait->thread->asleep_ns;

	if (block->count++ && !lock_key__equal(&wait->key, &findings->waits.data[block->wait].key))
		block->locks++;
	if (age == LOCK_AGE_UNKNOWN)
		return;
	if (block->longest == LOCK_AGE_UNKNOWN || age > block->longest)
		block->longest = age;
	if (block->shortest == LOCK_AGE_UNKNOWN || age < block->shortest)
		block->shortest = age;
}

/* Owners, by their place among the waits. */
static bool *find_owners(const struct lock_findings *findings)
{
	bool *owners = calloc(findings->waits.size + 1, sizeof(*owners));

	for (size_t i = 0; owners && i < findings->waits.size; i++)
		if (findings->graph.edges[i] != SIZE_MAX)
			owners[findings->graph.edges[i]] = true;
	return owners;
}

static int compare(const void *a, const void *b)
{
	const struct wait_block *x = a, *y = b;

	if (x->urgency != y->urgency)
		return x->urgency < y->urgency ? -1 : 1;
	/* Causes before what waits for them. */
	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	if (x->is_owner != y->is_owner)
		return x->is_owner ? -1 : 1;
	return (x->wait > y->wait) - (x->wait < y->wait);
}

static int add_wait(const struct lock_findings *findings, size_t index, const bool *owners,
	struct block_map *map, wait_blocks *out)
{
	const struct lock_wait *wait = &findings->waits.data[index];
	enum verdict verdict = findings__verdict(findings, index);
	size_t urgency = find_urgency(verdict), *place;
	struct wait_block *block;

	if (urgency == NOT_LISTED)
		return 0;
	place = block_map__insert(map, hash_wait(verdict, wait));
	if (!place)
		return -ENOMEM;
	if (!*place) {
		struct wait_block fresh = {
			.wait = index,
			.locks = 1,
			.longest = LOCK_AGE_UNKNOWN,
			.shortest = LOCK_AGE_UNKNOWN,
			.urgency = urgency,
			.depth = findings->graph.fates[index].depth,
		};

		/* One that holds what others want, or waits for somebody, is not idle. */
		if (!wait->owner && !wait->owner_dead)
			fresh.idle = idle__runtime(wait->thread);
		if (vec_push(out, fresh))
			return -ENOMEM;
		*place = out->size;
	}
	block = &out->data[*place - 1];
	block->is_owner |= owners[index];
	if (owners[index])
		block->idle = NULL;
	add_to_block(block, findings, index);
	return 0;
}

int locks_blocks__find(
	const struct lock_findings *findings, const struct finding *finding, wait_blocks *out)
{
	bool *owners = find_owners(findings);
	struct block_map map = {0};
	int err = owners ? 0 : -ENOMEM;

	*out = (wait_blocks){0};
	for (size_t i = 0; i < findings->waits.size && !err; i++)
		if (!finding || finding__has(findings, finding, i))
			err = add_wait(findings, i, owners, &map, out);
	block_map__free(&map);
	free(owners);
	if (err) {
		vec_free(out);
		return err;
	}
	if (out->size)
		qsort(out->data, out->size, sizeof(*out->data), compare);
	return 0;
}
