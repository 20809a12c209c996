#include "heap/intervals.h"

#include "base/search.h"

#include <string.h>

/* The first interval that ends at or after @address. */
static size_t find_first(const struct intervals *set, uint64_t address)
{
	return search_first(set->list.size, i, set->list.data[i].end < address);
}

/* Puts @count intervals in place of those in [from, to). 0 or -ENOMEM. */
static int replace(
	struct intervals *set, size_t from, size_t to, const struct interval *with, size_t count)
{
	size_t tail = set->list.size - to;

	if (vec_reserve(&set->list, from + count + tail))
		return -ENOMEM;
	if (tail)
		memmove(set->list.data + from + count, set->list.data + to, tail * sizeof(*with));
	if (count)
		memcpy(set->list.data + from, with, count * sizeof(*with));
	set->list.size = from + count + tail;
	return 0;
}

int intervals__add(struct intervals *set, uint64_t start, uint64_t end, uint64_t *overlap)
{
	struct interval merged = {start, end};
	size_t from, to;
	uint64_t inside = 0;

	*overlap = 0;
	if (start >= end)
		return 0;
	from = to = find_first(set, start);
	for (; to < set->list.size && set->list.data[to].start <= end; to++) {
		const struct interval *old = &set->list.data[to];
		uint64_t low = old->start > start ? old->start : start;
		uint64_t high = old->end < end ? old->end : end;

		inside += high - low;
		if (old->start < merged.start)
			merged.start = old->start;
		if (old->end > merged.end)
			merged.end = old->end;
	}
	if (replace(set, from, to, &merged, 1))
		return -ENOMEM;
	set->bytes += end - start - inside;
	*overlap = inside;
	return 0;
}

int intervals__remove(struct intervals *set, uint64_t start, uint64_t end, uint64_t *removed)
{
	struct interval rest[2];
	size_t from, to, count = 0;
	uint64_t inside = 0;

	*removed = 0;
	if (start >= end)
		return 0;
	from = find_first(set, start + 1);
	for (to = from; to < set->list.size && set->list.data[to].start < end; to++) {
		const struct interval *old = &set->list.data[to];

		inside += (old->end < end ? old->end : end) -
			  (old->start > start ? old->start : start);
		if (old->start < start)
			rest[count++] = (struct interval){old->start, start};
		if (old->end > end)
			rest[count++] = (struct interval){end, old->end};
	}
	if (replace(set, from, to, rest, count))
		return -ENOMEM;
	set->bytes -= inside;
	*removed = inside;
	return 0;
}

int intervals__copy(struct intervals *copy, const struct intervals *set)
{
	*copy = (struct intervals){0};
	if (replace(copy, 0, 0, set->list.data, set->list.size))
		return -ENOMEM;
	copy->bytes = set->bytes;
	return 0;
}

void intervals__free(struct intervals *set)
{
	vec_free(&set->list);
	set->bytes = 0;
}
