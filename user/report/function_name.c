/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/function_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/*
 * The length of a piece that looks like a bracket but is part of a name, 0 if there is none here:
 * an operator's symbol, or a name that C++ demanglers write in parentheses or braces.
 */
static size_t literal_length(const char *at, const char *start)
{
	static const char *const operators[] = {
		"operator<=>",
		"operator<<=",
		"operator>>=",
		"operator->*",
		"operator<<",
		"operator>>",
		"operator<=",
		"operator>=",
		"operator->",
		"operator()",
		"operator<",
		"operator>",
	};
	static const char anonymous[] = "(anonymous namespace)";
	bool starts_word = at == start || !strchr("_abcdefghijklmnopqrstuvwxyz", at[-1]);

	if (starts_with(at, anonymous))
		return strlen(anonymous);
	for (size_t i = 0; starts_word && i < sizeof(operators) / sizeof(*operators); i++)
		if (starts_with(at, operators[i]))
			return strlen(operators[i]);
	return 0;
}

/* The bracket that closes @open, or NULL. */
static const char *find_close(const char *open, const char *start)
{
	size_t depth = 0;

	for (const char *at = open; *at; at++) {
		size_t literal = at == open ? 0 : literal_length(at, start);

		if (literal) {
			at += literal - 1;
		} else if (strchr("(<{[", *at)) {
			depth++;
		} else if (strchr(")>}]", *at)) {
			if (at[0] == '>' && at[-1] == '-')
				continue; /* an arrow, as Rust writes return types */
			if (--depth == 0)
				return at;
		}
	}
	return NULL;
}

static void append(char *out, size_t *length, const char *text, size_t count)
{
	if (count > NAME_SIZE - 1 - *length)
		count = NAME_SIZE - 1 - *length;
	memcpy(out + *length, text, count);
	*length += count;
	out[*length] = 0;
}

/*
 * Copies @name without what stands in those of the @brackets that are round, and with "..." in
 * those that are pointed. A name that starts with a bracket (Rust's <T as Trait>::f) keeps it: it
 * is not an argument list.
 */
static void collapse(const char *name, const char *brackets, char *out)
{
	size_t length = 0, literal;
	const char *close;

	*out = 0;
	for (const char *at = name; *at; at++) {
		literal = literal_length(at, name);
		close = strchr(brackets, *at) && at != name && !literal ? find_close(at, name)
									: NULL;
		if (literal) {
			append(out, &length, at, literal);
			at += literal - 1;
		} else if (close) {
			if (*at == '<')
				append(out, &length, "<...>", 5);
			at = close;
		} else {
			append(out, &length, at, 1);
		}
	}
}

/* Cuts at a character's start, so that no half UTF-8 sequence is left. */
static void keep_tail(char *text, size_t width)
{
	size_t length = strlen(text);
	char *tail;

	if (length <= width)
		return;
	tail = text + length - (width - 3);
	while ((*tail & 0xc0) == 0x80)
		tail++;
	memmove(text + 3, tail, strlen(tail) + 1);
	memcpy(text, "...", 3);
}

void function_name__shorten(const char *name, size_t width, char *out)
{
	if (strlen(name) <= width) {
		strcpy(out, name);
		return;
	}
	collapse(name, "(", out);
	if (strlen(out) <= width && *out)
		return;
	/* From the whole name again: in a cut one the brackets would have no ends. */
	collapse(name, "(<", out);
	keep_tail(out, width);
}

void function_name__bare(const char *function, char *out)
{
	const char *start = function, *at, *close;
	size_t literal, length;

	for (at = function; *at && *at != '('; at++) {
		literal = literal_length(at, function);
		if (literal) {
			at += literal - 1;
			continue;
		}
		close = *at == '<' ? find_close(at, function) : NULL;
		if (close)
			at = close;
		else if (*at == ' ' && !(at - start >= 8 && starts_with(at - 8, "operator")))
			start = at + 1;
	}
	/* Rust's names have neither. */
	if (*at != '(')
		start = function;
	length = at - start;
	if (length > NAME_SIZE - 1)
		length = NAME_SIZE - 1;
	memcpy(out, start, length);
	out[length] = 0;
}
