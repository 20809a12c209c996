/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/census_owners.h"

#include <inttypes.h>
#include <stdlib.h>

#include "report/human.h"

/* On one screen. */
#define MAX_SHOWN 8
#define MAX_NAME 256
/* Classes of one chain in a folded line. */
#define MAX_DEPTH 256

static int by_bytes(const void *left, const void *right)
{
	const struct owner *const *a = left, *const *b = right;

	if ((*a)->bytes != (*b)->bytes)
		return (*a)->bytes > (*b)->bytes ? -1 : 1;
	return (*a > *b) - (*a < *b);
}

/* Those that own anything, the heaviest first; the caller frees it. */
static const struct owner **sort_owners(const struct owners *owners, size_t *count)
{
	const struct owner **sorted = calloc(owners->all.size + 1, sizeof(*sorted));

	*count = 0;
	for (size_t i = 0; sorted && i < owners->all.size; i++)
		if (owners->all.data[i].count)
			sorted[(*count)++] = &owners->all.data[i];
	if (sorted)
		qsort(sorted, *count, sizeof(*sorted), by_bytes);
	return sorted;
}

static const char *class_name(const struct census *census, uint32_t chain, char *to, size_t size)
{
	uint32_t class = census->owners.chains.data[chain].class;

	return census_class__link_name(&census->classes.all.data[class], to, size);
}

static void write_owner(FILE *file, const struct census *census, const struct owner *owner)
{
	uint32_t steps[OWNER_STEPS];
	size_t count = owners__way(&census->owners, owner, steps);
	char name[MAX_NAME];

	fprintf(file, "  %10s in %10s  %s", human__bytes(owner->bytes).text,
		human__count(owner->count).text, owner->name);
	for (size_t i = 0; i < count; i++)
		fprintf(file, " → %s ×%s", class_name(census, steps[i], name, sizeof(name)),
			human__count(census->owners.chains.data[steps[i]].count).text);
	fputc('\n', file);
}

void census_owners__write_text(FILE *file, const struct census *census)
{
	size_t count, shown = 0;
	const struct owner **sorted = sort_owners(&census->owners, &count);

	fprintf(file, "\nwho owns it: what would be lost without that root alone\n");
	for (; shown < count && shown < MAX_SHOWN; shown++)
		write_owner(file, census, sorted[shown]);
	if (shown < count)
		fprintf(file, "  and %zu more\n", count - shown);
	free(sorted);
}

static void put_owner(
	struct json_writer *json, const struct census *census, const struct owner *owner)
{
	uint32_t steps[OWNER_STEPS];
	size_t count = owners__way(&census->owners, owner, steps);
	char name[MAX_NAME];

	json__begin_object(json);
	json__put_string(json, "name", owner->name);
	json__put_integer(json, "retained_count", owner->count);
	json__put_integer(json, "retained_bytes", owner->bytes);
	json__key(json, "path");
	json__begin_array(json);
	for (size_t i = 0; i < count; i++) {
		const struct owner_chain *chain = &census->owners.chains.data[steps[i]];

		json__begin_object(json);
		json__put_string(json, "class", class_name(census, steps[i], name, sizeof(name)));
		json__put_integer(json, "count", chain->count);
		json__put_integer(json, "bytes", chain->bytes);
		json__end_object(json);
	}
	json__end_array(json);
	json__end_object(json);
}

void census_owners__write_json(struct json_writer *json, const struct census *census)
{
	size_t count;
	const struct owner **sorted = sort_owners(&census->owners, &count);

	json__key(json, "owners");
	json__begin_array(json);
	for (size_t i = 0; i < count; i++)
		put_owner(json, census, sorted[i]);
	json__end_array(json);
	free(sorted);
}

/* --- folded */

/* A frame must not have what separates frames. */
static void write_frame(FILE *file, const char *name)
{
	for (; *name; name++)
		fputc(*name == ';' || *name == '\n' ? ':' : *name, file);
}

static void write_chain(FILE *file, const struct census *census, uint32_t chain)
{
	const struct owners *owners = &census->owners;
	uint32_t steps[MAX_DEPTH];
	size_t depth = 0;
	char name[MAX_NAME];

	write_frame(file, owners->all.data[owners->chains.data[chain].owner].name);
	for (uint32_t at = chain; owners->chains.data[at].parent != at && depth < MAX_DEPTH;
		at = owners->chains.data[at].parent)
		steps[depth++] = at;
	while (depth) {
		fputc(';', file);
		write_frame(file, class_name(census, steps[--depth], name, sizeof(name)));
	}
	fprintf(file, " %" PRIu64 "\n", owners->chains.data[chain].bytes);
}

void census_owners__write_folded(FILE *file, const struct census *census)
{
	char name[MAX_NAME];

	for (size_t i = 0; i < census->owners.chains.size; i++)
		if (census->owners.chains.data[i].bytes)
			write_chain(file, census, i);
	vec_for_each (group, &census->leaks.groups) {
		if (group->kind == LEAK_POSSIBLE)
			continue;
		fprintf(file, "(lost);");
		write_frame(file, census_class__name(&census->classes.all.data[group->class], name,
					  sizeof(name)));
		fprintf(file, " %" PRIu64 "\n", group->sum.bytes);
	}
}
