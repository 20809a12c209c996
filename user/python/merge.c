/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/merge.h"

struct python_merge python_merge__begin(
	const struct python_place *places, size_t count, size_t loops)
{
	return (struct python_merge){places, count, 0, loops};
}

static size_t run_length(const struct python_merge *merge)
{
	for (size_t i = merge->next; i < merge->count; i++)
		if (merge->places[i].is_entry)
			return i + 1 - merge->next;
	return merge->count - merge->next;
}

static size_t take(struct python_merge *merge, size_t length, size_t *first)
{
	*first = merge->next;
	merge->next += length;
	return length;
}

size_t python_merge__next(struct python_merge *merge, size_t *first)
{
	if (merge->loops)
		merge->loops--;
	return merge->loops ? take(merge, run_length(merge), first)
			    : python_merge__rest(merge, first);
}

size_t python_merge__rest(struct python_merge *merge, size_t *first)
{
	return take(merge, merge->count - merge->next, first);
}
