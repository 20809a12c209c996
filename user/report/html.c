/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/html.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "html_page.h"
#include "report/callers.h"
#include "report/loss.h"
#include "report/string_table.h"

struct frame_key {
	int64_t function; /* number of a string; -1: unknown */
	int64_t file;
	int64_t module;
	uint64_t offset; /* address where there is no module */
	uint32_t line;
	bool inlined;
	bool is_python;
};

static inline uint64_t frame_key_hash(struct frame_key key)
{
	uint64_t hash = hash_combine(key.function, key.module);

	return hash_combine(hash_combine(hash, key.offset), (uint64_t)key.line << 1 | key.inlined);
}

static inline bool frame_key_equal(struct frame_key a, struct frame_key b)
{
	return a.function == b.function && a.file == b.file && a.module == b.module &&
	       a.offset == b.offset && a.line == b.line && a.inlined == b.inlined &&
	       a.is_python == b.is_python;
}

DEFINE_HASH(frame_numbers, struct frame_key, uint32_t, frame_key_hash, frame_key_equal);

/* parent's number << 32 | frame's number → its own number */
DEFINE_HASH_NUMBER(node_numbers, uint64_t, uint32_t);

/* A frame and what calls it: stacks that begin alike share their nodes. */
struct node {
	uint32_t parent; /* counted from 1; 0: none */
	uint32_t frame;
};

/* Each name, frame and node is written once, however many stacks it is in. */
struct tables {
	struct string_table strings;
	struct frame_numbers numbers;
	VEC(struct frame_key) frames;
	struct node_numbers node_numbers;
	VEC(struct node) nodes;
	VEC(uint32_t) stacks; /* by site: its innermost node, counted from 1; 0: no frames */
	uint32_t *places;     /* by report_site.id: index in sites[], UINT32_MAX: cut off */
	size_t place_count;
};

static void free_tables(struct tables *tables)
{
	string_table__free(&tables->strings);
	frame_numbers__free(&tables->numbers);
	vec_free(&tables->frames);
	node_numbers__free(&tables->node_numbers);
	vec_free(&tables->nodes);
	vec_free(&tables->stacks);
	free(tables->places);
}

static int64_t number_string(struct tables *tables, const char *text, int *err)
{
	int64_t number = text ? string_table__add(&tables->strings, text) : -1;

	if (text && number < 0)
		*err = -ENOMEM;
	return number;
}

/* Code of one function and line is one frame, wherever in it the call is. */
static int number_frame(struct tables *tables, const struct report_frame *frame, uint32_t *out)
{
	int err = 0;
	struct frame_key key = {
		.function = number_string(tables, frame->function, &err),
		.file = number_string(tables, frame->file, &err),
		.module = number_string(tables, frame->module, &err),
		.line = frame->line,
		.inlined = frame->inlined,
		.is_python = frame->is_python,
	};
	uint32_t *number;
	size_t known = tables->numbers.size;

	if (!frame->function)
		key.offset = frame->module ? frame->offset : frame->address;
	number = err ? NULL : frame_numbers__insert(&tables->numbers, key);
	if (!number)
		return -ENOMEM;
	if (tables->numbers.size > known) {
		*number = tables->frames.size;
		if (vec_push(&tables->frames, key))
			return -ENOMEM;
	}
	*out = *number;
	return 0;
}

/* The node of @frame below *@node, which it becomes. */
static int descend(struct tables *tables, const struct report_frame *frame, uint32_t *node)
{
	struct node step = {.parent = *node};
	size_t known = tables->node_numbers.size;
	uint32_t *number;

	if (number_frame(tables, frame, &step.frame))
		return -ENOMEM;
	number = node_numbers__insert(
		&tables->node_numbers, (uint64_t)step.parent << 32 | step.frame);
	if (!number)
		return -ENOMEM;
	if (tables->node_numbers.size > known) {
		if (vec_push(&tables->nodes, step))
			return -ENOMEM;
		*number = tables->nodes.size;
	}
	*node = *number;
	return 0;
}

static int add_stack(struct tables *tables, const struct report_site *site)
{
	uint32_t node = 0;
	int err = 0;

	for (size_t i = site->frame_count; i-- > 0 && !err;)
		err = descend(tables, &site->frames[i], &node);
	return err ? err : vec_push(&tables->stacks, node);
}

static int number_sites(struct tables *tables, const struct report *report)
{
	uint32_t last = 0;

	vec_for_each (site, &report->sites)
		last = site->id > last ? site->id : last;
	tables->place_count = (size_t)last + 1;
	tables->places = malloc(tables->place_count * sizeof(*tables->places));
	if (!tables->places)
		return -ENOMEM;
	for (size_t i = 0; i < tables->place_count; i++)
		tables->places[i] = UINT32_MAX;
	for (size_t i = 0; i < report->sites.size; i++)
		tables->places[report->sites.data[i].id] = i;
	return 0;
}

static int make_tables(struct tables *tables, const struct report *report)
{
	int err = number_sites(tables, report);

	vec_for_each (site, &report->sites)
		err = err ? err : add_stack(tables, site);
	vec_for_each (site, &report->mapped_sites)
		err = err ? err : add_stack(tables, site);
	return err;
}

/* --- the data */

/* Strings are counted from 1 here: the first one stands for "none". */
static void put_text(struct json_writer *json, int64_t number)
{
	json__integer(json, number + 1);
}

static void put_names(struct json_writer *json, const struct tables *tables)
{
	json__key(json, "strings");
	json__begin_array(json);
	json__string(json, "");
	vec_for_each (text, &tables->strings.list)
		json__string(json, *text);
	json__end_array(json);
	json__key(json, "frames");
	json__begin_array(json);
	vec_for_each (frame, &tables->frames) {
		json__begin_array(json);
		put_text(json, frame->function);
		put_text(json, frame->file);
		put_text(json, frame->module);
		json__integer(json, frame->line);
		json__integer(json, frame->inlined);
		json__integer(json, frame->offset);
		json__integer(json, frame->is_python);
		json__end_array(json);
	}
	json__end_array(json);
}

/* Of each node how far back its parent stands, mostly 1, and its frame. */
static void put_nodes(struct json_writer *json, const struct tables *tables)
{
	uint32_t number = 0;

	json__key(json, "nodes");
	json__begin_array(json);
	vec_for_each (node, &tables->nodes) {
		json__integer(json, ++number - node->parent);
		json__integer(json, node->frame);
	}
	json__end_array(json);
}

static void put_figures(struct json_writer *json, const struct report_site *site)
{
	const uint64_t figures[] = {
		site->live_count,
		site->live_bytes,
		site->peak_count,
		site->peak_bytes,
		site->alloc_count,
		site->alloc_bytes,
		site->temporary_count,
		site->free_count,
		site->failed_count,
		site->oldest_age_ns,
		site->mean_age_ns,
	};

	json__key(json, "v");
	json__begin_array(json);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		json__integer(json, figures[i]);
	json__end_array(json);
}

/* Its stack, and which frame of it, counted from the innermost, names the site. */
static void put_stack(struct json_writer *json, const struct report_site *site, uint32_t node)
{
	json__put_integer(json, "s", node);
	json__put_integer(json, "c", callers__first(site));
	if (site->special)
		json__put_string(json, "unknown", site->special);
	else
		json__put_string(json, "end", loss__stop_key(site->stop));
}

static void put_sites(
	struct json_writer *json, const struct tables *tables, const struct report *report)
{
	const uint32_t *node = tables->stacks.data;

	json__key(json, "sites");
	json__begin_array(json);
	vec_for_each (site, &report->sites) {
		json__begin_object(json);
		put_figures(json, site);
		put_stack(json, site, *node++);
		json__end_object(json);
	}
	json__end_array(json);
	json__key(json, "mapped");
	json__begin_array(json);
	vec_for_each (site, &report->mapped_sites) {
		json__begin_object(json);
		json__put_integer(json, "bytes", site->live_bytes);
		json__put_integer(json, "calls", site->alloc_count);
		put_stack(json, site, *node++);
		json__end_object(json);
	}
	json__end_array(json);
}

/* The place of a site in sites[]; UINT32_MAX: it is not there. */
static uint32_t place_of(const struct tables *tables, uint32_t id)
{
	return id < tables->place_count ? tables->places[id] : UINT32_MAX;
}

static void put_cell(struct json_writer *json, const struct slice_cell *cell, uint32_t place)
{
	json__begin_array(json);
	json__integer(json, place);
	json__integer(json, cell->slice);
	json__integer(json, cell->live_count);
	json__integer(json, cell->live_bytes);
	json__integer(json, cell->alloc_count);
	json__integer(json, cell->alloc_bytes);
	json__integer(json, cell->temporary_count);
	json__end_array(json);
}

static void put_slices(
	struct json_writer *json, const struct tables *tables, const struct heap_slices *slices)
{
	json__key(json, "slices");
	json__begin_object(json);
	json__put_integer(json, "width_ns", slices->width_ns);
	json__put_integer(json, "count", slices->count);
	json__put_integer(json, "lost", slices->lost);
	json__key(json, "cells");
	json__begin_array(json);
	vec_for_each (cell, &slices->cells)
		if (place_of(tables, cell->site) != UINT32_MAX)
			put_cell(json, cell, place_of(tables, cell->site));
	json__end_array(json);
	json__end_object(json);
}

static void put_threads(
	struct json_writer *json, const struct tables *tables, const struct report *report)
{
	json__key(json, "threads");
	json__begin_array(json);
	vec_for_each (share, &report->site_threads) {
		uint32_t place = place_of(tables, share->site);

		if (place == UINT32_MAX)
			continue;
		json__begin_array(json);
		json__integer(json, place);
		json__integer(json, share->process);
		json__integer(json, share->tid);
		json__integer(json, share->live_count);
		json__integer(json, share->live_bytes);
		json__integer(json, share->alloc_count);
		json__integer(json, share->alloc_bytes);
		json__integer(json, share->temporary_count);
		json__end_array(json);
	}
	json__end_array(json);
}

struct addition {
	const struct report *report;
	const struct tables *tables;
	json_more_fn *more;
	const void *context;
};

static void put_addition(struct json_writer *json, const void *context)
{
	const struct addition *addition = context;

	json__key(json, "flame");
	json__begin_object(json);
	put_names(json, addition->tables);
	put_nodes(json, addition->tables);
	put_sites(json, addition->tables, addition->report);
	put_slices(json, addition->tables, &addition->report->slices);
	put_threads(json, addition->tables, addition->report);
	json__end_object(json);
	if (addition->more)
		addition->more(json, addition->context);
}

/* --- the page */

/*
 * "<" stands in JSON only inside of strings, where it can be escaped: so no name ends the script
 * element (</script>) or begins a comment in it (<!--).
 */
static ssize_t write_escaped(void *cookie, const char *buffer, size_t size)
{
	FILE *file = cookie;

	for (size_t i = 0; i < size; i++)
		if (buffer[i] == '<')
			fputs("\\u003c", file);
		else
			putc_unlocked(buffer[i], file);
	return ferror(file) ? 0 : size;
}

static int write_data(html_data_fn *write, const void *context, FILE *file)
{
	cookie_io_functions_t functions = {.write = write_escaped};
	FILE *escaped = fopencookie(file, "w", functions);
	int err;

	if (!escaped)
		return -ENOMEM;
	err = write(context, escaped);
	fclose(escaped);
	return err;
}

/* Where the report's JSON goes; bundle.mjs sees to it that the page has it once. */
#define REPORT_MARKER "/*REPORT*/"

int html__write_page(html_data_fn *write, const void *context, FILE *file)
{
	const unsigned char *end = html_page + sizeof(html_page);
	const unsigned char *marker =
		memmem(html_page, sizeof(html_page), REPORT_MARKER, strlen(REPORT_MARKER));
	int err;

	fwrite(html_page, 1, marker - html_page, file);
	err = write_data(write, context, file);
	marker += strlen(REPORT_MARKER);
	fwrite(marker, 1, end - marker, file);
	return err;
}

static int write_report(const void *context, FILE *file)
{
	const struct addition *addition = context;
	struct report rest = *addition->report;

	rest.sites.size = 0;
	rest.mapped_sites.size = 0;
	json__write_report(&rest, file, put_addition, addition);
	return 0;
}

int html__write_report_with(const struct report *report, json_more_fn *more, const void *context,
	FILE *file, struct error *error)
{
	struct tables tables = {0};
	struct addition addition = {report, &tables, more, context};
	int err = make_tables(&tables, report);

	if (!err)
		err = html__write_page(write_report, &addition, file);
	free_tables(&tables);
	return err ? error__set(error, err, "out of memory for the HTML report") : 0;
}

int html__write_report(const struct report *report, FILE *file, struct error *error)
{
	return html__write_report_with(report, NULL, NULL, file, error);
}
