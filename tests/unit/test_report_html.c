/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The page: its data are the report's, and no name gets out of them. */
#include <jansson.h>
#include <stdlib.h>

#include "report/html.h"
#include "report_sample.h"

#define DATA_BEGIN "<script type=\"application/json\" id=\"report\">"
#define HOSTILE "</script><img src=x onerror=alert(1)><!--<script>"

static int hostile_name(
	void *context, const struct site_frame *address, struct report_frames *frames)
{
	struct report_frame frame = {
		.address = address->address,
		.module = "/tmp/" HOSTILE,
		.function = HOSTILE,
		.file = "\"quoted\"\n" HOSTILE,
		.line = 1,
	};

	return vec_push(&frames->list, frame);
}

/* The page of the sample run; free it. */
static char *make_page(struct report *report, report_name_fn *name)
{
	struct feed feed = sample_feed();
	struct report_options options = {.now_ns = START_NS + SAMPLE_DURATION_NS};
	struct error err = {0};
	size_t size;
	char *text;
	FILE *file = open_memstream(&text, &size);
	int code;

	report->run.targets = &sample_target;
	report->run.target_count = 1;
	assert_int_equal(report__collect(report, feed.heap, &options), 0);
	assert_int_equal(report__name(report, name, NULL), 0);
	code = html__write_report(report, file, &err);
	fclose(file);
	heap__free(feed.heap);
	assert_int_equal(code, 0);
	return text;
}

/* The JSON that stands in the page. */
static json_t *read_data(const char *page)
{
	const char *begin = strstr(page, DATA_BEGIN);
	json_error_t error;
	json_t *data;

	assert_non_null(begin);
	begin += strlen(DATA_BEGIN);
	data = json_loadb(begin, strstr(begin, "</script>") - begin, 0, &error);
	if (!data)
		fail_msg("%s", error.text);
	return data;
}

static int64_t figure(json_t *data, size_t site, size_t column)
{
	json_t *sites = json_object_get(json_object_get(data, "flame"), "sites");

	return json_integer_value(
		json_array_get(json_object_get(json_array_get(sites, site), "v"), column));
}

/* The @depth-th frame of a site's stack, innermost first. */
static const char *name_of(json_t *flame, size_t site, size_t depth)
{
	json_t *nodes = json_object_get(flame, "nodes");
	json_t *leaf = json_object_get(json_array_get(json_object_get(flame, "sites"), site), "s");
	size_t node = json_integer_value(leaf), frame, string;
	json_t *row;

	for (; depth > 0; depth--)
		node -= json_integer_value(json_array_get(nodes, 2 * node - 2));
	frame = json_integer_value(json_array_get(nodes, 2 * node - 1));
	row = json_array_get(json_object_get(flame, "frames"), frame);
	string = json_integer_value(json_array_get(row, 0));
	return json_string_value(json_array_get(json_object_get(flame, "strings"), string));
}

static void test_page_has_sites_with_their_figures_and_names(void **state)
{
	struct report report = {0};
	char *page = make_page(&report, sample_name);
	json_t *data, *flame;

	if (!page)
		return report__free(&report);
	data = read_data(page);
	flame = json_object_get(data, "flame");
	assert_int_equal(json_array_size(json_object_get(flame, "sites")), report.sites.size);
	assert_int_equal(figure(data, 0, 0), 100);
	assert_int_equal(figure(data, 0, 1), 102400);
	assert_int_equal(json_array_size(json_object_get(flame, "mapped")), 1);
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(flame, "mapped"), 0), "bytes")),
		SAMPLE_MAPPED_BYTES);
	assert_string_equal(name_of(flame, 0, 0), "leak_here");
	assert_int_equal(json_array_size(json_object_get(data, "sites")), 0);
	assert_int_equal(
		json_integer_value(json_object_get(data, "site_count")), report.sites.size);
	json_decref(data);
	free(page);
	report__free(&report);
}

/* The last cells of the slices are the sites' totals, and the threads' shares add up to them. */
static void test_slices_and_threads_agree_with_the_sites(void **state)
{
	struct report report = {0};
	char *page = make_page(&report, sample_name);
	json_t *data, *flame, *rows, *row;
	int64_t last_bytes = -1, shares = 0;
	size_t i;

	if (!page)
		return report__free(&report);
	data = read_data(page);
	flame = json_object_get(data, "flame");
	rows = json_object_get(json_object_get(flame, "slices"), "cells");
	json_array_foreach(rows, i, row) if (json_integer_value(json_array_get(row, 0)) == 0)
		last_bytes = json_integer_value(json_array_get(row, 3));
	rows = json_object_get(flame, "threads");
	json_array_foreach(rows, i, row) if (json_integer_value(json_array_get(row, 0)) == 0)
		shares += json_integer_value(json_array_get(row, 4));
	assert_int_equal(last_bytes, figure(data, 0, 1));
	assert_int_equal(shares, figure(data, 0, 1));
	row = json_array_get(rows, 0);
	assert_int_equal(json_integer_value(json_array_get(row, 5)),
		figure(data, json_integer_value(json_array_get(row, 0)), 4));
	json_decref(data);
	free(page);
	report__free(&report);
}

static void test_no_name_ends_the_script_or_begins_markup(void **state)
{
	struct report report = {0};
	char *page = make_page(&report, hostile_name);
	json_t *data;

	if (!page)
		return report__free(&report);
	assert_null(strstr(page, "<img src=x"));
	data = read_data(page);
	assert_string_equal(name_of(json_object_get(data, "flame"), 0, 0), HOSTILE);
	json_decref(data);
	free(page);
	report__free(&report);
}

static void test_page_needs_no_network(void **state)
{
	struct report report = {0};
	char *page = make_page(&report, sample_name);

	if (!page)
		return report__free(&report);
	assert_non_null(strstr(page, "default-src 'none'"));
	assert_null(strstr(page, " src="));
	assert_null(strstr(page, "@import"));
	assert_null(strstr(page, "url(h"));
	assert_null(strstr(page, "url(\"h"));
	free(page);
	report__free(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_has_sites_with_their_figures_and_names),
		cmocka_unit_test(test_slices_and_threads_agree_with_the_sites),
		cmocka_unit_test(test_no_name_ends_the_script_or_begins_markup),
		cmocka_unit_test(test_page_needs_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
