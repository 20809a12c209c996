/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Numbers for strings: the same text gets the same number. The texts are borrowed. */
#ifndef MEMTRACE_REPORT_STRING_TABLE_H
#define MEMTRACE_REPORT_STRING_TABLE_H

#include <string.h>

#include "base/hash.h"
#include "base/vec.h"

/* FNV-1a, mixed: names are short. */
static inline uint64_t string_table_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash_mix(hash);
}

static inline bool string_table_equal(const char *a, const char *b)
{
	return !strcmp(a, b);
}

DEFINE_HASH(string_numbers, const char *, uint32_t, string_table_hash, string_table_equal);

struct string_table {
	struct string_numbers numbers;
	VEC(const char *) list; /* by number */
};

/* The number of @text, counted from 0 in the order of appearance; NULL is "". -ENOMEM. */
static inline int64_t string_table__add(struct string_table *table, const char *text)
{
	const char *key = text ? text : "";
	uint32_t *number = string_numbers__find(&table->numbers, key);

	if (number)
		return *number;
	if (vec_reserve(&table->list, table->list.size + 1))
		return -ENOMEM;
	number = string_numbers__insert(&table->numbers, key);
	if (!number)
		return -ENOMEM;
	*number = table->list.size;
	table->list.data[table->list.size++] = key;
	return *number;
}

static inline void string_table__free(struct string_table *table)
{
	string_numbers__free(&table->numbers);
	vec_free(&table->list);
}

#endif
