#include "symbols/names.h"

#include "base/hash.h"
#include "base/text.h"
#include "symbols/demangle.h"

#include <string.h>

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash_mix(hash);
}

static bool is_same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

struct name {
	char *kept;	   /* the key's text, owned */
	const char *shown; /* mangled names: the demangled form */
};

DEFINE_HASH(name_map, const char *, struct name, hash_text, is_same_text);

struct names {
	struct name_map texts;
	struct name_map mangled;
	bool demangle;
};

struct names *names__new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names)
		names->demangle = true;
	return names;
}

static void free_map(struct name_map *map)
{
	hash_for_each (slot, map)
		free(slot->value.kept);
	name_map__free(map);
}

void names__free(struct names *names)
{
	if (!names)
		return;
	free_map(&names->texts);
	free_map(&names->mangled);
	free(names);
}

void names__set_demangle(struct names *names, bool demangle)
{
	names->demangle = demangle;
}

/* The entry of @text, which it takes over, made if there is none; NULL where memory is short. */
static struct name *keep(struct name_map *map, char *text)
{
	struct name *name = text ? name_map__find(map, text) : NULL;

	if (!name && text && (name = name_map__insert(map, text))) {
		name->kept = text;
		return name;
	}
	free(text);
	return name;
}

const char *names__intern(struct names *names, const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	struct name *name;

	if (!copy)
		return NULL;
	text__make_printable(copy);
	name = keep(&names->texts, copy);
	return name ? name->kept : NULL;
}

const char *names__demangled(struct names *names, const char *mangled)
{
	struct name *name;
	char *demangled;

	if (!mangled || !names->demangle)
		return names__intern(names, mangled);
	name = keep(&names->mangled, strdup(mangled));
	if (!name || name->shown)
		return name ? name->shown : NULL;
	demangled = demangle__symbol(mangled);
	name->shown = names__intern(names, demangled ? demangled : mangled);
	free(demangled);
	return name->shown;
}
