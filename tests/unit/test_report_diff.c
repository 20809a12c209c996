/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The difference of two reports. */
#include <jansson.h>

#include "report/diff.h"
#include "report_sample.h"

/* A report of one-frame sites, made by hand. */
struct side {
	struct report report;
	struct report_frame frames[8];
};

static void add_site(struct side *side, const char *function, const char *build_id, uint64_t offset,
	uint64_t count, uint64_t bytes)
{
	struct report_frame *frame = &side->frames[side->report.sites.size];

	*frame = (struct report_frame){.module = "/bin/app",
		.build_id = build_id,
		.offset = offset,
		.function = function,
		.address = 0x1000 + offset};
	assert_int_equal(
		vec_push(&side->report.sites, (struct report_site){.id = side->report.sites.size,
						      .live_count = count,
						      .live_bytes = bytes,
						      .alloc_count = 10,
						      .alloc_bytes = 1000,
						      .frames = frame,
						      .frame_count = 1}),
		0);
}

static void test_growth_shrinking_and_change_of_sites_are_told_apart(void **state)
{
	struct side before = {0}, after = {0};
	struct diff diff;

	add_site(&before, "same", "b1", 1, 5, 50);
	add_site(&before, "grows", "b1", 2, 5, 50);
	add_site(&before, "shrinks", "b1", 3, 5, 50);
	add_site(&before, "goes", "b1", 4, 5, 20);
	add_site(&after, "comes", "b1", 5, 1, 10);
	add_site(&after, "same", "b1", 1, 5, 50);
	add_site(&after, "grows", "b1", 2, 15, 150);
	add_site(&after, "shrinks", "b1", 3, 1, 10);
	assert_int_equal(diff__compute(&diff, &before.report, &after.report), 0);
	assert_int_equal(diff.sites.size, 5);
	for (int change = DIFF_SAME; change <= DIFF_VANISHED; change++)
		assert_int_equal(diff.counts[change], 1);
	assert_string_equal(diff.sites.data[0].site->frames[0].function, "grows");
	assert_int_equal(diff.sites.data[0].before.live_bytes, 50);
	assert_int_equal(diff.sites.data[0].after.live_bytes, 150);
	assert_string_equal(diff.sites.data[1].site->frames[0].function, "shrinks");
	assert_string_equal(diff.sites.data[2].site->frames[0].function, "goes");
	assert_string_equal(diff.sites.data[3].site->frames[0].function, "comes");
	assert_int_equal(diff.sites.data[4].change, DIFF_SAME);
	diff__free(&diff);
	vec_free(&before.report.sites);
	vec_free(&after.report.sites);
}

static void test_rebuilt_file_is_compared_by_function(void **state)
{
	struct side before = {0}, after = {0};
	struct diff diff;

	add_site(&before, "f", "b1", 1, 5, 50);
	add_site(&after, "f", "b2", 77, 6, 60);
	assert_int_equal(diff__compute(&diff, &before.report, &after.report), 0);
	assert_int_equal(diff.sites.size, 1);
	assert_int_equal(diff.sites.data[0].change, DIFF_GREW);
	diff__free(&diff);
	vec_free(&before.report.sites);
	vec_free(&after.report.sites);
}

static void test_two_calls_in_one_function_of_the_same_build_stay_two(void **state)
{
	struct side before = {0}, after = {0};
	struct diff diff;

	add_site(&before, "f", "b1", 1, 5, 50);
	add_site(&before, "f", "b1", 9, 5, 50);
	add_site(&after, "f", "b1", 1, 5, 50);
	add_site(&after, "f", "b1", 9, 7, 70);
	assert_int_equal(diff__compute(&diff, &before.report, &after.report), 0);
	assert_int_equal(diff.counts[DIFF_SAME], 1);
	assert_int_equal(diff.counts[DIFF_GREW], 1);
	diff__free(&diff);
	vec_free(&before.report.sites);
	vec_free(&after.report.sites);
}

static void test_a_report_is_the_same_as_itself_in_all_formats(void **state)
{
	struct feed feed = sample_feed();
	struct report a = {0}, b = {0};
	struct diff diff;
	char *text;
	size_t size;
	FILE *file;
	json_t *root;

	sample_collect(&a, &feed, (struct report_options){0});
	sample_collect(&b, &feed, (struct report_options){0});
	assert_int_equal(diff__compute(&diff, &a, &b), 0);
	assert_int_equal(diff.counts[DIFF_SAME], 3);
	file = open_memstream(&text, &size);
	diff__write_text(&diff, 0, 0, file);
	fclose(file);
	assert_non_null(strstr(text, "0 grew, 0 shrank, 0 appeared, 0 vanished, 3 same"));
	free(text);
	file = open_memstream(&text, &size);
	diff__write_json(&diff, file);
	fclose(file);
	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "sites")), 3);
	json_decref(root);
	free(text);
	diff__free(&diff);
	report__free(&a);
	report__free(&b);
	feed_stop(&feed);
}

static void test_changes_are_said_with_their_sign(void **state)
{
	struct side before = {0}, after = {0};
	struct diff diff;
	char *text;
	size_t size;
	FILE *file;

	add_site(&before, "leaky", "b1", 1, 5, 1024);
	add_site(&after, "leaky", "b1", 1, 15, 3072);
	assert_int_equal(diff__compute(&diff, &before.report, &after.report), 0);
	file = open_memstream(&text, &size);
	diff__write_text(&diff, 0, 0, file);
	fclose(file);
	assert_non_null(strstr(text,
		"   1  grew     +2.00 KiB live (1.00 KiB -> 3.00 KiB), +10 blocks, +0 allocs\n"));
	assert_non_null(strstr(text, "leaky"));
	free(text);
	diff__free(&diff);
	vec_free(&before.report.sites);
	vec_free(&after.report.sites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_shrinking_and_change_of_sites_are_told_apart),
		cmocka_unit_test(test_rebuilt_file_is_compared_by_function),
		cmocka_unit_test(test_two_calls_in_one_function_of_the_same_build_stay_two),
		cmocka_unit_test(test_a_report_is_the_same_as_itself_in_all_formats),
		cmocka_unit_test(test_changes_are_said_with_their_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
