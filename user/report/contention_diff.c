/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/contention_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/arena.h"
#include "report/function_name.h"
#include "report/human.h"
#include "report/json_writer.h"
#include "report/string_table.h"

#define NAME_COLUMNS 34

enum side { BEFORE, AFTER, SIDES };

/* What is compared: a lock, or a function of one side. */
enum list { LOCKS, WAITING, HOLDING, LISTS };

struct figures {
	uint64_t waits;
	uint64_t total_ns; /* of a function: its own */
	uint64_t max_ns;   /* locks alone */
	uint64_t inclusive_ns;
	uint64_t inclusive_waits; /* functions alone, as the one above */
};

struct change {
	const char *name;
	const char *kind;   /* of a lock */
	const char *module; /* NULL: unknown */
	bool ranked;
	struct figures sides[SIDES];
	double growth; /* ns waited per second traced */
};

struct changes {
	struct string_table keys;
	VEC(struct change) all; /* by number of the key, until they are sorted */
};

struct comparison {
	const struct contention_report *sides[SIDES];
	struct arena arena;
	struct changes lists[LISTS];
};

/* --- comparing */

static double per_second(const struct contention_report *report, uint64_t amount)
{
	return report->duration_ns ? amount * 1e9 / report->duration_ns : 0;
}

/* The one of that key, new or known; NULL: no memory. */
static struct change *find_change(struct comparison *comparison, enum list list, const char *key)
{
	struct changes *changes = &comparison->lists[list];
	const char *kept = arena__copy(&comparison->arena, key);
	int64_t number = kept ? string_table__add(&changes->keys, kept) : -ENOMEM;

	if (number < 0)
		return NULL;
	if ((size_t)number == changes->all.size && vec_push(&changes->all, (struct change){0}))
		return NULL;
	return &changes->all.data[number];
}

static int add_lock(
	struct comparison *comparison, enum side side, const struct contention_lock *lock)
{
	const struct contention_identity *identity = &lock->identity;
	char key[3 * WAIT_NAME_SIZE], address[32];
	struct change *change;
	struct figures *figures;

	snprintf(address, sizeof(address), "at 0x%llx", (unsigned long long)identity->address);
	snprintf(key, sizeof(key), "%s\n%s\n%s", contention__kind(identity),
		identity->name[0] ? identity->name : address, identity->module);
	change = find_change(comparison, LOCKS, key);
	if (!change)
		return -ENOMEM;
	if (!change->name) {
		change->name = arena__copy(
			&comparison->arena, identity->name[0] ? identity->name : address);
		change->kind = contention__kind(identity);
		change->module = identity->module[0] ? identity->module : NULL;
		change->ranked = contention__is_ranked(identity);
	}
	figures = &change->sides[side];
	figures->waits += lock->sums.count;
	figures->total_ns += lock->sums.total_ns;
	if (lock->sums.max_ns > figures->max_ns)
		figures->max_ns = lock->sums.max_ns;
	return change->name ? 0 : -ENOMEM;
}

static int add_locks(struct comparison *comparison, enum side side)
{
	const struct contention *model = comparison->sides[side]->model;
	int err = 0;

	for (size_t i = 0; i < contention__lock_count(model) && !err; i++)
		err = add_lock(comparison, side, contention__lock(model, i));
	return err;
}

static int add_function(struct comparison *comparison, enum list list, enum side side,
	const struct contention_function *function)
{
	char key[512];
	struct change *change;

	if (function->name)
		snprintf(key, sizeof(key), "%s", function->name);
	else
		snprintf(key, sizeof(key), "%s+0x%llx", function->module ? function->module : "?",
			(unsigned long long)function->module_offset);
	change = find_change(comparison, list, key);
	if (!change)
		return -ENOMEM;
	if (!change->name)
		change->name = arena__copy(&comparison->arena, key);
	change->module = function->module;
	change->ranked = true;
	change->sides[side].waits += function->own_count;
	change->sides[side].total_ns += function->own_ns;
	change->sides[side].inclusive_ns += function->inclusive_ns;
	change->sides[side].inclusive_waits += function->inclusive_count;
	return change->name ? 0 : -ENOMEM;
}

static int add_functions(struct comparison *comparison, enum list list, enum side side)
{
	const struct contention_report *report = comparison->sides[side];
	contention_functions functions;
	int err = contention__functions(report->model, &report->filter,
		list == WAITING ? CONTENTION_WAITER : CONTENTION_HOLDER, &functions);

	vec_for_each (function, &functions)
		if (!err)
			err = add_function(comparison, list, side, function);
	vec_free(&functions);
	return err;
}

/* What grew most stands in front, what shrank most at the end. */
static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;

	if (a->growth != b->growth)
		return a->growth > b->growth ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void sort_changes(struct comparison *comparison, struct changes *changes)
{
	vec_for_each (change, &changes->all)
		change->growth =
			per_second(comparison->sides[AFTER], change->sides[AFTER].total_ns) -
			per_second(comparison->sides[BEFORE], change->sides[BEFORE].total_ns);
	if (changes->all.size)
		qsort(changes->all.data, changes->all.size, sizeof(*changes->all.data),
			compare_changes);
}

static int compare(struct comparison *comparison)
{
	int err = 0;

	for (enum side side = BEFORE; side < SIDES && !err; side++) {
		err = add_locks(comparison, side);
		for (enum list list = WAITING; list < LISTS && !err; list++)
			err = add_functions(comparison, list, side);
	}
	for (enum list list = LOCKS; list < LISTS; list++)
		sort_changes(comparison, &comparison->lists[list]);
	return err;
}

static void free_comparison(struct comparison *comparison)
{
	for (enum list list = LOCKS; list < LISTS; list++) {
		string_table__free(&comparison->lists[list].keys);
		vec_free(&comparison->lists[list].all);
	}
	arena__free(&comparison->arena);
}

/* --- text */

/* "+12.3 ms/s"; 0 is "0 ns/s". */
static struct human signed_rate(double ns)
{
	struct human out;
	uint64_t size = ns < 0 ? -ns : ns;

	snprintf(out.text, sizeof(out.text), "%s%.28s/s",
		!size	 ? ""
		: ns < 0 ? "-"
			 : "+",
		human__duration(size).text);
	return out;
}

static struct human rate(const struct contention_report *report, uint64_t ns)
{
	struct human out;

	snprintf(out.text, sizeof(out.text), "%.29s/s",
		human__duration(per_second(report, ns)).text);
	return out;
}

static double write_side(const char *name, const struct contention_report *report, FILE *file)
{
	struct contention_sums total = contention__total(report->model, &report->filter);

	fprintf(file, "%-8s%s waited in %s wait%s, %s; traced for %s\n", name,
		rate(report, total.total_ns).text, human__count(total.count).text,
		total.count == 1 ? "" : "s", human__duration(total.total_ns).text,
		human__duration(report->duration_ns).text);
	return per_second(report, total.total_ns);
}

/* Names are from files that anyone may have written. */
static void write_name(const struct change *change, FILE *file)
{
	char raw[2 * NAME_SIZE], name[NAME_SIZE], module[NAME_SIZE] = "";

	snprintf(raw, sizeof(raw), "%s", change->name);
	text__make_printable(raw);
	function_name__shorten(raw, NAME_COLUMNS, name);
	if (change->kind && change->module) {
		snprintf(module, sizeof(module), " (%.16s)", text__base_name(change->module));
		text__make_printable(module);
	}
	fprintf(file, "%s%s%s%s\n", change->kind ? change->kind : "", change->kind ? " " : "", name,
		module);
}

static void write_lock(const struct comparison *comparison, const struct change *change, FILE *file)
{
	const struct figures *before = &change->sides[BEFORE], *after = &change->sides[AFTER];

	fprintf(file, "%12s  ", signed_rate(change->growth).text);
	write_name(change, file);
	fprintf(file, "%14s%s -> %s; %s -> %s waits\n", "",
		rate(comparison->sides[BEFORE], before->total_ns).text,
		rate(comparison->sides[AFTER], after->total_ns).text,
		human__count(before->waits).text, human__count(after->waits).text);
	fprintf(file, "%14slongest %s -> %s\n", "", human__duration(before->max_ns).text,
		human__duration(after->max_ns).text);
}

static void write_function(
	const struct comparison *comparison, const struct change *change, FILE *file)
{
	const struct contention_report *before = comparison->sides[BEFORE];
	const struct contention_report *after = comparison->sides[AFTER];

	fprintf(file, "%12s %10s %10s %12s  ", signed_rate(change->growth).text,
		rate(before, change->sides[BEFORE].total_ns).text,
		rate(after, change->sides[AFTER].total_ns).text,
		signed_rate(per_second(after, change->sides[AFTER].inclusive_ns) -
			    per_second(before, change->sides[BEFORE].inclusive_ns))
			.text);
	write_name(change, file);
}

static bool has_changed(const struct change *change)
{
	return change->ranked && change->growth != 0;
}

static void write_change(const struct comparison *comparison, enum list list,
	const struct change *change, FILE *file)
{
	if (list == LOCKS)
		write_lock(comparison, change, file);
	else
		write_function(comparison, change, file);
}

/* Those that changed, from both ends of the list: what grew, then what shrank most. */
static void write_list(const struct comparison *comparison, enum list list, size_t top, FILE *file)
{
	static const char *const titles[] = {
		[LOCKS] = "locks",
		[WAITING] = "functions that waited",
		[HOLDING] = "functions that kept others waiting",
	};
	const struct changes *changes = &comparison->lists[list];
	size_t count = 0, place = 0;

	fprintf(file, "\n%s, by change of the time waited per second\n", titles[list]);
	if (list != LOCKS)
		fprintf(file, "%12s %10s %10s %12s  %s\n", "own", "before", "after", "inclusive",
			"function");
	vec_for_each (change, &changes->all)
		count += has_changed(change);
	vec_for_each (change, &changes->all) {
		if (!has_changed(change))
			continue;
		if (place < (top + 1) / 2 || count - place <= top / 2)
			write_change(comparison, list, change, file);
		place++;
	}
	if (!count)
		fprintf(file, "  none\n");
	else if (count > top)
		fprintf(file, "  ... and %zu in between: --top N, or --json for all\n",
			count - top);
}

int contention_diff__write_text(const struct contention_report *before,
	const struct contention_report *after, size_t top, FILE *file)
{
	struct comparison comparison = {.sides = {before, after}};
	int err = compare(&comparison);
	double was, is;

	if (!err) {
		was = write_side("before", before, file);
		is = write_side("after", after, file);
		fprintf(file, "%-8s%s\n", "change", signed_rate(is - was).text);
		for (enum list list = LOCKS; list < LISTS; list++)
			write_list(&comparison, list, top, file);
	}
	free_comparison(&comparison);
	return err;
}

/* --- JSON */

static void put_side(
	struct json_writer *json, const char *key, const struct contention_report *report)
{
	struct contention_sums total = contention__total(report->model, &report->filter);

	json__key(json, key);
	json__begin_object(json);
	json__put_integer(json, "duration_ns", report->duration_ns);
	json__put_integer(json, "waits", total.count);
	json__put_integer(json, "total_ns", total.total_ns);
	json__put_integer(json, "max_ns", total.max_ns);
	json__end_object(json);
}

static void put_figures(
	struct json_writer *json, const char *key, enum list list, const struct figures *figures)
{
	json__key(json, key);
	json__begin_object(json);
	if (list == LOCKS) {
		json__put_integer(json, "waits", figures->waits);
		json__put_integer(json, "total_ns", figures->total_ns);
		json__put_integer(json, "max_ns", figures->max_ns);
	} else {
		json__put_integer(json, "own_waits", figures->waits);
		json__put_integer(json, "own_ns", figures->total_ns);
		json__put_integer(json, "inclusive_waits", figures->inclusive_waits);
		json__put_integer(json, "inclusive_ns", figures->inclusive_ns);
	}
	json__end_object(json);
}

static void put_list(
	struct json_writer *json, const char *key, enum list list, const struct changes *changes)
{
	json__key(json, key);
	json__begin_array(json);
	vec_for_each (change, &changes->all) {
		json__begin_object(json);
		json__put_string(json, list == LOCKS ? "name" : "function", change->name);
		if (change->kind)
			json__put_string(json, "kind", change->kind);
		if (change->module)
			json__put_string(json, "module", change->module);
		if (list == LOCKS)
			json__put_boolean(json, "ranked", change->ranked);
		put_figures(json, "before", list, &change->sides[BEFORE]);
		put_figures(json, "after", list, &change->sides[AFTER]);
		json__end_object(json);
	}
	json__end_array(json);
}

int contention_diff__write_json(
	const struct contention_report *before, const struct contention_report *after, FILE *file)
{
	struct comparison comparison = {.sides = {before, after}};
	struct json_writer json;
	int err = compare(&comparison);

	if (!err) {
		json__start(&json, file, 3);
		json__begin_object(&json);
		json__put_integer(&json, "version", CONTENTION_JSON_VERSION);
		json__put_string(&json, "profile", "contention-diff");
		put_side(&json, "before", before);
		put_side(&json, "after", after);
		put_list(&json, "locks", LOCKS, &comparison.lists[LOCKS]);
		put_list(&json, "waiting_functions", WAITING, &comparison.lists[WAITING]);
		put_list(&json, "holding_functions", HOLDING, &comparison.lists[HOLDING]);
		json__end_object(&json);
		json__finish(&json);
	}
	free_comparison(&comparison);
	return err;
}
