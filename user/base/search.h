/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Binary search: the first index in [0, @count) for which @is_before, an expression of @index, is
 * false, or @count where it is true for all. What is searched must be sorted by it.
 *
 *	size_t i = search_first(count, middle, rows[middle].address <= address);
 */
#ifndef MEMTRACE_BASE_SEARCH_H
#define MEMTRACE_BASE_SEARCH_H

#include <stddef.h>

#define search_first(count, index, is_before)                                       \
	({                                                                          \
		size_t search_low = 0, search_high = (count);                       \
		while (search_low < search_high) {                                  \
			size_t index = search_low + (search_high - search_low) / 2; \
			if (is_before)                                              \
				search_low = index + 1;                             \
			else                                                        \
				search_high = index;                                \
		}                                                                   \
		search_low;                                                         \
	})

#endif
