/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/census_diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/census_json.h"
#include "report/document.h"
#include "report/human.h"
#include "report/json_writer.h"

#define TOP 10

/* Where a part is in the document, and the keys of its items. */
static const struct {
	const char *key, *name, *count, *bytes, *title;
} parts[CENSUS_PARTS] = {
	[CENSUS_CLASSES] = {"classes", "name", "count", "bytes", "classes and shapes"},
	[CENSUS_OWNERS] = {"owners", "name", "retained_count", "retained_bytes", "owners"},
	[CENSUS_LEAKS] = {"groups", "class", "count", "bytes", "lost"},
};

bool census_diff__is_census(const char *path)
{
	char first[2];

	return document__read_head(path, first, sizeof(first));
}

int census_diff__load(const char *path, json_t **out, struct error *error)
{
	int err = document__load(path, "a census", out, error);

	if (err)
		return err;
	if (json_integer_value(json_object_get(*out, "version")) == CENSUS_JSON_VERSION &&
		json_is_object(json_object_get(*out, "account")))
		return 0;
	json_decref(*out);
	*out = NULL;
	return error__set(error, -EINVAL,
		"%s is not a census of this version: write one with memtrace heap -p PID -o FILE",
		path);
}

/* --- comparing */

static json_t *items_of(json_t *document, enum census_part part)
{
	json_t *in = part == CENSUS_LEAKS ? json_object_get(document, "leaks") : document;

	return json_object_get(in, parts[part].key);
}

static uint64_t number_of(const json_t *item, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(item, key));

	return value > 0 ? value : 0;
}

/* Adds one side's items; @places: from a name to its index. */
static int add_side(struct census_changes *changes, json_t *places, json_t *document,
	enum census_part part, bool is_after)
{
	json_t *item, *items = items_of(document, part);
	size_t i;

	json_array_foreach(items, i, item)
	{
		const char *name = json_string_value(json_object_get(item, parts[part].name));
		json_t *place = name ? json_object_get(places, name) : NULL;
		struct census_figures *figures;
		struct census_change *change;

		if (!name)
			continue;
		if (!place) {
			place = json_integer(changes->all.size);
			if (json_object_set_new(places, name, place) ||
				vec_push(&changes->all, (struct census_change){.name = name}))
				return -ENOMEM;
		}
		change = &changes->all.data[json_integer_value(place)];
		figures = is_after ? &change->after : &change->before;
		figures->count += number_of(item, parts[part].count);
		figures->bytes += number_of(item, parts[part].bytes);
	}
	return 0;
}

static int64_t growth(const struct census_change *change)
{
	return (int64_t)(change->after.bytes - change->before.bytes);
}

static int by_growth(const void *left, const void *right)
{
	int64_t a = growth(left), b = growth(right);

	if (a != b)
		return a > b ? -1 : 1;
	return strcmp(((const struct census_change *)left)->name,
		((const struct census_change *)right)->name);
}

static int compare(struct census_diff *diff, enum census_part part)
{
	struct census_changes *changes = &diff->parts[part];
	json_t *places = json_object();
	int err = places ? add_side(changes, places, diff->before, part, false) : -ENOMEM;

	err = err ? err : add_side(changes, places, diff->after, part, true);
	json_decref(places);
	if (changes->all.size)
		qsort(changes->all.data, changes->all.size, sizeof(*changes->all.data), by_growth);
	return err;
}

int census_diff__compute(struct census_diff *diff, json_t *before, json_t *after)
{
	int err = 0;

	*diff = (struct census_diff){.before = before, .after = after};
	for (enum census_part part = 0; !err && part < CENSUS_PARTS; part++)
		err = compare(diff, part);
	return err;
}

void census_diff__free(struct census_diff *diff)
{
	for (enum census_part part = 0; part < CENSUS_PARTS; part++)
		vec_free(&diff->parts[part].all);
	json_decref(diff->before);
	json_decref(diff->after);
}

/* --- text */

static struct human signed_bytes(int64_t bytes)
{
	struct human human;

	snprintf(human.text, sizeof(human.text), "%c%.30s", bytes < 0 ? '-' : '+',
		human__bytes(bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes).text);
	return human;
}

static void write_change(FILE *file, const struct census_change *change)
{
	char name[256];

	/* From a file that anyone may have written. */
	snprintf(name, sizeof(name), "%s", change->name);
	text__make_printable(name);
	fprintf(file, "  %11s  %s: %s in %s, was %s in %s\n", signed_bytes(growth(change)).text,
		name, human__bytes(change->after.bytes).text,
		human__count(change->after.count).text, human__bytes(change->before.bytes).text,
		human__count(change->before.count).text);
}

static void write_part(
	FILE *file, const struct census_changes *changes, const char *title, size_t top)
{
	size_t shown = 0, grown = 0;

	vec_for_each (change, &changes->all)
		grown += growth(change) > 0;
	if (!grown) {
		fprintf(file, "\n%s: none grew\n", title);
		return;
	}
	fprintf(file, "\n%s that grew\n", title);
	for (; shown < grown && shown < top; shown++)
		write_change(file, &changes->all.data[shown]);
	if (shown < grown)
		fprintf(file, "  and %zu more\n", grown - shown);
}

void census_diff__write_text(const struct census_diff *diff, size_t top, FILE *file)
{
	json_t *before = json_object_get(diff->before, "heap");
	json_t *after = json_object_get(diff->after, "heap");
	uint64_t was = number_of(before, "live_bytes"), is = number_of(after, "live_bytes");

	fprintf(file, "heap: %s in %s blocks, was %s in %s: %s\n", human__bytes(is).text,
		human__exact(number_of(after, "live_count")).text, human__bytes(was).text,
		human__exact(number_of(before, "live_count")).text,
		signed_bytes((int64_t)(is - was)).text);
	for (enum census_part part = 0; part < CENSUS_PARTS; part++)
		write_part(file, &diff->parts[part], parts[part].title, top ? top : TOP);
}

/* --- JSON */

static void put_side(struct json_writer *json, const char *key, json_t *document)
{
	json_t *heap = json_object_get(document, "heap");

	json__key(json, key);
	json__begin_object(json);
	json__put_integer(
		json, "rss_bytes", number_of(json_object_get(document, "target"), "rss_bytes"));
	json__put_integer(json, "live_count", number_of(heap, "live_count"));
	json__put_integer(json, "live_bytes", number_of(heap, "live_bytes"));
	json__end_object(json);
}

static void put_part(
	struct json_writer *json, const char *key, const struct census_changes *changes)
{
	json__key(json, key);
	json__begin_array(json);
	vec_for_each (change, &changes->all) {
		json__begin_object(json);
		json__put_string(json, "name", change->name);
		json__put_integer(json, "before_count", change->before.count);
		json__put_integer(json, "before_bytes", change->before.bytes);
		json__put_integer(json, "after_count", change->after.count);
		json__put_integer(json, "after_bytes", change->after.bytes);
		json__end_object(json);
	}
	json__end_array(json);
}

void census_diff__write_json(const struct census_diff *diff, FILE *file)
{
	struct json_writer json;

	json__start(&json, file, 2);
	json__begin_object(&json);
	json__put_integer(&json, "version", CENSUS_JSON_VERSION);
	put_side(&json, "before", diff->before);
	put_side(&json, "after", diff->after);
	put_part(&json, "classes", &diff->parts[CENSUS_CLASSES]);
	put_part(&json, "owners", &diff->parts[CENSUS_OWNERS]);
	put_part(&json, "leaks", &diff->parts[CENSUS_LEAKS]);
	json__end_object(&json);
	json__finish(&json);
}
