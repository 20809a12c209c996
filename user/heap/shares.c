#include "heap/shares.h"

int shares__init(struct shares *shares)
{
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

	if (!place && shares->list.size > SHARE_LIMIT) {
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
