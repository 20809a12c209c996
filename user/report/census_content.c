/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/census_content.h"

#include <inttypes.h>
#include <stdlib.h>

#include "report/census_owners.h"
#include "report/human.h"

/* On one screen. */
#define MAX_CLASSES_SHOWN 12
#define MAX_GROUPS_SHOWN 8
#define MAX_SAMPLE 48
#define MAX_NAME 256

static int by_bytes(const void *left, const void *right)
{
	const struct census_class *const *a = left, *const *b = right;

	if ((*a)->bytes != (*b)->bytes)
		return (*a)->bytes > (*b)->bytes ? -1 : 1;
	return (*a > *b) - (*a < *b);
}

/* All classes, the heaviest first; the caller frees it. NULL: out of memory, or none. */
static const struct census_class **sort_classes(const struct classes *classes)
{
	const struct census_class **sorted = calloc(classes->all.size + 1, sizeof(*sorted));

	for (size_t i = 0; sorted && i < classes->all.size; i++)
		sorted[i] = &classes->all.data[i];
	if (sorted)
		qsort(sorted, classes->all.size, sizeof(*sorted), by_bytes);
	return sorted;
}

static bool get_sample(const struct census_samples *samples, const struct census_class *class,
	char *to, size_t size)
{
	return samples && class->shape == SHAPE_TEXT &&
	       samples->begin(samples->context, class->sample, to, size);
}

/* --- text */

static void write_class(
	FILE *file, const struct census_class *class, const struct census_samples *samples)
{
	char name[MAX_NAME], sample[MAX_SAMPLE];

	fprintf(file, "  %10s in %10s  %s", human__bytes(class->bytes).text,
		human__count(class->count).text, census_class__name(class, name, sizeof(name)));
	if (get_sample(samples, class, sample, sizeof(sample)))
		fprintf(file, ": \"%s\"", sample);
	fputc('\n', file);
}

static void write_classes(
	FILE *file, const struct classes *classes, const struct census_samples *samples)
{
	const struct census_class **sorted = sort_classes(classes);
	size_t shown = 0;

	if (!sorted)
		return;
	fprintf(file, "\nwhat it is\n");
	for (; shown < classes->all.size && shown < MAX_CLASSES_SHOWN; shown++)
		write_class(file, sorted[shown], samples);
	if (shown < classes->all.size)
		fprintf(file, "  and %zu more classes and sizes\n", classes->all.size - shown);
	free(sorted);
}

static void write_group(FILE *file, const struct leak_group *group, const struct classes *classes)
{
	char name[MAX_NAME];

	fprintf(file, "  %-9s %10s in %10s  %s; at", leak_kind__name(group->kind),
		human__bytes(group->sum.bytes).text, human__count(group->sum.count).text,
		census_class__name(&classes->all.data[group->class], name, sizeof(name)));
	for (size_t i = 0; i < LEAK_SAMPLES && group->samples[i]; i++)
		fprintf(file, " 0x%" PRIx64, group->samples[i]);
	if (group->sum.count > LEAK_SAMPLES)
		fprintf(file, " ...");
	fputc('\n', file);
}

static void write_leaks(FILE *file, const struct census *census)
{
	const struct leaks *leaks = &census->leaks;
	size_t shown = 0;

	fprintf(file, "\nlost, as %zu look%s found", census->looks, census->looks == 1 ? "" : "s");
	for (enum leak_kind kind = 0; kind < LEAK_KINDS; kind++)
		fprintf(file, "%s %s %s in %s block%s", kind ? "," : ":", leak_kind__name(kind),
			human__bytes(leaks->kinds[kind].bytes).text,
			human__exact(leaks->kinds[kind].count).text,
			leaks->kinds[kind].count == 1 ? "" : "s");
	fputc('\n', file);
	for (; shown < leaks->groups.size && shown < MAX_GROUPS_SHOWN; shown++)
		write_group(file, &leaks->groups.data[shown], &census->classes);
	if (shown < leaks->groups.size)
		fprintf(file, "  and %zu more groups\n", leaks->groups.size - shown);
	if (census->acquitted)
		fprintf(file,
			"  %s more looked lost to one look; later ones found pointers to them, or "
			"changes in them\n",
			human__exact(census->acquitted).text);
}

void census_content__write_text(
	FILE *file, const struct census *census, const struct census_samples *samples)
{
	write_classes(file, &census->classes, samples);
	census_owners__write_text(file, census);
	write_leaks(file, census);
}

/* --- JSON */

static void put_class(struct json_writer *json, const struct census_class *class,
	const struct census_samples *samples)
{
	char name[MAX_NAME], sample[MAX_SAMPLE];

	json__begin_object(json);
	json__put_string(json, "name", census_class__name(class, name, sizeof(name)));
	json__put_string(json, "shape", block_shape__name(class->shape));
	if (class->size)
		json__put_integer(json, "usable_bytes", class->size);
	json__put_integer(json, "count", class->count);
	json__put_integer(json, "bytes", class->bytes);
	if (get_sample(samples, class, sample, sizeof(sample)))
		json__put_string(json, "sample", sample);
	json__end_object(json);
}

static void put_classes(struct json_writer *json, const struct classes *classes,
	const struct census_samples *samples)
{
	const struct census_class **sorted = sort_classes(classes);

	json__key(json, "classes");
	json__begin_array(json);
	for (size_t i = 0; sorted && i < classes->all.size; i++)
		put_class(json, sorted[i], samples);
	json__end_array(json);
	free(sorted);
}

static void put_group(
	struct json_writer *json, const struct leak_group *group, const struct classes *classes)
{
	char name[MAX_NAME];

	json__begin_object(json);
	json__put_string(json, "kind", leak_kind__name(group->kind));
	json__put_string(json, "class",
		census_class__name(&classes->all.data[group->class], name, sizeof(name)));
	json__put_integer(json, "count", group->sum.count);
	json__put_integer(json, "bytes", group->sum.bytes);
	json__key(json, "samples");
	json__begin_array(json);
	for (size_t i = 0; i < LEAK_SAMPLES && group->samples[i]; i++)
		json__integer(json, group->samples[i]);
	json__end_array(json);
	json__end_object(json);
}

static void put_leaks(struct json_writer *json, const struct census *census)
{
	const struct leaks *leaks = &census->leaks;

	json__key(json, "leaks");
	json__begin_object(json);
	for (enum leak_kind kind = 0; kind < LEAK_KINDS; kind++) {
		json__key(json, leak_kind__name(kind));
		json__begin_object(json);
		json__put_integer(json, "count", leaks->kinds[kind].count);
		json__put_integer(json, "bytes", leaks->kinds[kind].bytes);
		json__end_object(json);
	}
	json__put_integer(json, "acquitted_count", census->acquitted);
	json__key(json, "groups");
	json__begin_array(json);
	vec_for_each (group, &leaks->groups)
		put_group(json, group, &census->classes);
	json__end_array(json);
	json__end_object(json);
}

void census_content__write_json(
	struct json_writer *json, const struct census *census, const struct census_samples *samples)
{
	put_classes(json, &census->classes, samples);
	census_owners__write_json(json, census);
	put_leaks(json, census);
}
