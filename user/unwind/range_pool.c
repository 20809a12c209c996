/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/range_pool.h"

#include <errno.h>

#include "base/search.h"

static void remove_run(struct range_pool *pool, size_t i)
{
	vec_splice(&pool->rested, i, 1, 0);
}

/* Joins run @i with the one after it if they touch. */
static void join_with_next(struct range_pool *pool, size_t i)
{
	struct range_run *run = &pool->rested.data[i];

	if (i + 1 >= pool->rested.size || run->first + run->count != run[1].first)
		return;
	run->count += run[1].count;
	remove_run(pool, i + 1);
}

/* The place in the sorted list where a run that starts at @first goes. */
static size_t find_place(const struct range_pool *pool, uint32_t first)
{
	return search_first(pool->rested.size, i, pool->rested.data[i].first < first);
}

static void add_rested(struct range_pool *pool, struct range_run run)
{
	size_t i = find_place(pool, run.first);

	if (vec_reserve(&pool->rested, pool->rested.size + 1))
		return;
	vec_splice(&pool->rested, i, 0, 1);
	pool->rested.data[i] = run;
	join_with_next(pool, i);
	if (i)
		join_with_next(pool, i - 1);
}

/* Drops the front of the list of those that rest once it is half of it. */
static void drop_woken(struct range_pool *pool)
{
	if (pool->woken < pool->resting.size - pool->woken)
		return;
	vec_splice(&pool->resting, 0, pool->woken, 0);
	pool->woken = 0;
}

static void wake_rested(struct range_pool *pool, uint64_t now_ns)
{
	while (pool->woken < pool->resting.size) {
		const struct resting_run *oldest = &pool->resting.data[pool->woken];

		if (now_ns < oldest->freed_ns + RANGE_POOL_REST_NS)
			break;
		add_rested(pool, oldest->run);
		pool->woken++;
	}
	if (pool->woken)
		drop_woken(pool);
}

int64_t range_pool__take(struct range_pool *pool, uint32_t count, uint64_t now_ns)
{
	uint32_t first;

	wake_rested(pool, now_ns);
	for (size_t i = 0; i < pool->rested.size; i++) {
		struct range_run *run = &pool->rested.data[i];

		if (run->count < count)
			continue;
		first = run->first;
		run->first += count;
		run->count -= count;
		if (!run->count)
			remove_run(pool, i);
		pool->used += count;
		return first;
	}
	if (count > pool->size - pool->next)
		return -ENOSPC;
	first = pool->next;
	pool->next += count;
	pool->used += count;
	return first;
}

void range_pool__give(struct range_pool *pool, uint32_t first, uint32_t count, uint64_t now_ns)
{
	struct resting_run resting = {.run = {first, count}, .freed_ns = now_ns};

	pool->used -= count;
	if (vec_push(&pool->resting, resting))
		return;
	wake_rested(pool, now_ns);
}

void range_pool__free(struct range_pool *pool)
{
	vec_free(&pool->rested);
	vec_free(&pool->resting);
}
