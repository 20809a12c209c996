/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/mapped_ranges.h"

#include <string.h>

#include "base/search.h"

/* The first range that ends behind @address. */
static size_t find_first(const struct mapped_ranges *set, uint64_t address)
{
	return search_first(set->list.size, i, set->list.data[i].end <= address);
}

/* Puts @count ranges in place of those in [from, to), for which there is room. */
static void replace(struct mapped_ranges *set, size_t from, size_t to,
	const struct mapped_range *with, size_t count)
{
	vec_splice(&set->list, from, to - from, count);
	if (count)
		memcpy(set->list.data + from, with, count * sizeof(*with));
}

int mapped_ranges__remove(struct mapped_ranges *set, uint64_t start, uint64_t end,
	mapped_piece_fn *visit, void *context)
{
	struct mapped_range rest[2], piece;
	size_t from, to, count = 0;

	if (start >= end)
		return 0;
	/* One range may become two. */
	if (vec_reserve(&set->list, set->list.size + 1))
		return -ENOMEM;
	from = find_first(set, start);
	for (to = from; to < set->list.size && set->list.data[to].start < end; to++) {
		piece = set->list.data[to];
		if (piece.start < start) {
			rest[count] = piece;
			rest[count++].end = start;
			piece.start = start;
		}
		if (piece.end > end) {
			rest[count] = piece;
			rest[count++].start = end;
			piece.end = end;
		}
		set->bytes -= piece.end - piece.start;
		if (visit)
			visit(context, &piece);
	}
	replace(set, from, to, rest, count);
	return 0;
}

static bool have_one_owner(const struct mapped_range *a, const struct mapped_range *b)
{
	return a->site == b->site && a->kind == b->kind && a->becomes == b->becomes &&
	       a->inherited == b->inherited;
}

int mapped_ranges__add(struct mapped_ranges *set, const struct mapped_range *range,
	mapped_piece_fn *visit, void *context)
{
	struct mapped_range merged = *range;
	size_t from, to;

	if (range->start >= range->end)
		return 0;
	if (vec_reserve(&set->list, set->list.size + 2))
		return -ENOMEM;
	mapped_ranges__remove(set, range->start, range->end, visit, context);
	from = to = find_first(set, range->start);
	if (from && set->list.data[from - 1].end == merged.start &&
		have_one_owner(&set->list.data[from - 1], &merged))
		merged.start = set->list.data[--from].start;
	if (to < set->list.size && set->list.data[to].start == merged.end &&
		have_one_owner(&set->list.data[to], &merged))
		merged.end = set->list.data[to++].end;
	replace(set, from, to, &merged, 1);
	set->bytes += range->end - range->start;
	return 0;
}

const struct mapped_range *mapped_ranges__next(const struct mapped_ranges *set, uint64_t address)
{
	size_t at = find_first(set, address);

	return at < set->list.size ? &set->list.data[at] : NULL;
}

const struct mapped_range *mapped_ranges__find(const struct mapped_ranges *set, uint64_t address)
{
	const struct mapped_range *range = mapped_ranges__next(set, address);

	return range && range->start <= address ? range : NULL;
}

int mapped_ranges__copy(struct mapped_ranges *copy, const struct mapped_ranges *set)
{
	*copy = (struct mapped_ranges){0};
	if (vec_reserve(&copy->list, set->list.size))
		return -ENOMEM;
	replace(copy, 0, 0, set->list.data, set->list.size);
	copy->bytes = set->bytes;
	return 0;
}

void mapped_ranges__free(struct mapped_ranges *set)
{
	vec_free(&set->list);
	set->bytes = 0;
}
