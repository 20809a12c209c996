#include "unwind/range_pool.h"

#include <string.h>

static void remove_run(struct range_pool *pool, size_t i)
{
	memmove(&pool->resting.data[i], &pool->resting.data[i + 1],
		(pool->resting.size - i - 1) * sizeof(*pool->resting.data));
	pool->resting.size--;
}

int64_t range_pool__take(struct range_pool *pool, uint32_t count, uint64_t now_ns)
{
	uint32_t first;

	for (size_t i = 0; i < pool->resting.size; i++) {
		struct range_run *run = &pool->resting.data[i];

		if (run->count < count || now_ns - run->freed_ns < RANGE_POOL_REST_NS)
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

/* Joins run @i with the one after it if they touch. */
static void join_with_next(struct range_pool *pool, size_t i)
{
	struct range_run *run = &pool->resting.data[i];

	if (i + 1 >= pool->resting.size || run->first + run->count != run[1].first)
		return;
	run->count += run[1].count;
	if (run[1].freed_ns > run->freed_ns)
		run->freed_ns = run[1].freed_ns;
	remove_run(pool, i + 1);
}

void range_pool__give(struct range_pool *pool, uint32_t first, uint32_t count, uint64_t now_ns)
{
	struct range_run run = {.first = first, .count = count, .freed_ns = now_ns};
	size_t i = 0;

	pool->used -= count;
	if (vec_reserve(&pool->resting, pool->resting.size + 1))
		return;
	while (i < pool->resting.size && pool->resting.data[i].first < first)
		i++;
	memmove(&pool->resting.data[i + 1], &pool->resting.data[i],
		(pool->resting.size - i) * sizeof(run));
	pool->resting.data[i] = run;
	pool->resting.size++;
	join_with_next(pool, i);
	if (i)
		join_with_next(pool, i - 1);
}

void range_pool__free(struct range_pool *pool)
{
	vec_free(&pool->resting);
}
