/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/names.h"

#include <string.h>
#include <xxhash.h>

#include "base/hash.h"
#include "base/text.h"
#include "symbols/demangle.h"

static uint64_t hash_text(const char *text)
{
	return XXH3_64bits(text, strlen(text));
}

static bool is_same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The key's text is the value, owned by the table. */
DEFINE_HASH(text_map, const char *, char *, hash_text, is_same_text);

static uint64_t hash_pointer(const char *pointer)
{
	return hash_mix((uintptr_t)pointer);
}

static bool is_same_pointer(const char *a, const char *b)
{
	return a == b;
}

/* What a text at a fixed place is shown as. */
DEFINE_HASH(pointer_map, const char *, const char *, hash_pointer, is_same_pointer);

struct names {
	struct text_map texts;
	struct pointer_map plain;
	struct pointer_map demangled;
	bool demangle;
};

struct names *names__new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names)
		names->demangle = true;
	return names;
}

void names__free(struct names *names)
{
	if (!names)
		return;
	hash_for_each (slot, &names->texts)
		free(slot->value);
	text_map__free(&names->texts);
	pointer_map__free(&names->plain);
	pointer_map__free(&names->demangled);
	free(names);
}

void names__set_demangle(struct names *names, bool demangle)
{
	names->demangle = demangle;
}

const char *names__intern(struct names *names, const char *text)
{
	char *copy = text ? strdup(text) : NULL, **known;

	if (!copy)
		return NULL;
	text__make_printable(copy);
	known = text_map__find(&names->texts, copy);
	if (!known && (known = text_map__insert(&names->texts, copy))) {
		*known = copy;
		return copy;
	}
	free(copy);
	return known ? *known : NULL;
}

const char *names__intern_fixed(struct names *names, const char *text)
{
	const char **known = text ? pointer_map__insert(&names->plain, text) : NULL;

	if (known && !*known)
		*known = names__intern(names, text);
	return known ? *known : NULL;
}

const char *names__demangled(struct names *names, const char *mangled)
{
	const char **known;
	char *demangled;

	if (!mangled || !names->demangle)
		return names__intern_fixed(names, mangled);
	known = pointer_map__insert(&names->demangled, mangled);
	if (known && !*known) {
		demangled = demangle__symbol(mangled);
		*known = names__intern(names, demangled ? demangled : mangled);
		free(demangled);
	}
	return known ? *known : NULL;
}
