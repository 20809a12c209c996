/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/rust_names.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static const char *skip_any(const char *at, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (starts_with(at, words[i]))
			return at + strlen(words[i]);
	return NULL;
}

/* What stands before a type: it is a reference to it, a slice or a tuple of it. */
static const char *skip_marks(const char *at)
{
	static const char *const marks[] = {"&", "mut ", "dyn ", "*const ", "*mut ", "[", "(", "<"};
	const char *next;

	while ((next = skip_any(at, marks, COUNT(marks))))
		at = next;
	return at;
}

static size_t word_length(const char *at)
{
	return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static bool is_library(const char *at)
{
	static const char *const crates[] = {"core::", "alloc::", "std::", "hashbrown::"};

	return skip_any(at, crates, COUNT(crates)) != NULL;
}

/* A type that no crate makes: u8, str, a parameter such as T, or nothing, as in "[_]" and "()". */
static bool is_built_in(const char *at)
{
	static const char *const types[] = {"u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16",
		"i32", "i64", "i128", "isize", "f32", "f64", "bool", "char", "str", "_"};
	size_t length = word_length(at);

	if (!length)
		return true;
	if (starts_with(at + length, "::"))
		return false;
	if (length == 1 && *at >= 'A' && *at <= 'Z')
		return true;
	for (size_t i = 0; i < COUNT(types); i++)
		if (strlen(types[i]) == length && !strncmp(at, types[i], length))
			return true;
	return false;
}

static bool is_of_library(const char *type)
{
	const char *at = skip_marks(type);

	return is_library(at) || is_built_in(at);
}

/* Of "<TYPE as TRAIT>::f" where " as " stands, outside of any brackets in TYPE; NULL for "<TYPE>".
 */
static const char *find_trait(const char *function)
{
	int depth = 0;

	for (const char *at = function; *at; at++) {
		if (strchr("<([", *at))
			depth++;
		else if (strchr(")]", *at) || (*at == '>' && at[-1] != '-'))
			depth--;
		if (depth <= 0)
			return NULL;
		if (depth == 1 && starts_with(at, " as "))
			return at + 4;
	}
	return NULL;
}

bool rust_names__is_plumbing(const char *function)
{
	const char *trait;

	if (*function != '<')
		return is_library(function);
	trait = find_trait(function);
	return is_of_library(function + 1) && (!trait || is_of_library(trait));
}
