/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The JSON report, read back by an independent reader (jansson). */
#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/json.h"
#include "report/output.h"
#include "report_sample.h"

static json_t *parse(const char *text, size_t size)
{
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		fail_msg("line %d: %s in\n%s", error.line, error.text, text);
	return root;
}

static json_t *write_and_parse(const struct report *report)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	json_t *root;

	json__write_report(report, file, NULL, NULL);
	fclose(file);
	root = parse(text, size);
	free(text);
	return root;
}

static json_t *sample_json(struct report_options options)
{
	struct feed feed = sample_feed();
	struct report report = {0};
	json_t *root;

	sample_collect(&report, &feed, options);
	root = write_and_parse(&report);
	report__free(&report);
	feed_stop(&feed);
	return root;
}

static json_int_t get(json_t *root, const char *object, const char *key)
{
	json_t *value = json_object_get(json_object_get(root, object), key);

	if (!json_is_integer(value))
		fail_msg("no integer %s.%s", object, key);
	return json_integer_value(value);
}

static void test_relied_upon_keys_are_there_and_exact(void **state)
{
	json_t *root = sample_json((struct report_options){0});

	assert_int_equal(json_integer_value(json_object_get(root, "version")), 2);
	assert_int_equal(
		json_integer_value(json_object_get(root, "duration_ns")), SAMPLE_DURATION_NS);
	assert_int_equal(get(root, "target", "pid"), 4321);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "target"), "command")),
		"/usr/bin/leaky --fast");
	assert_int_equal(get(root, "events", "seen"), 202);
	assert_int_equal(get(root, "events", "lost"), 0);
	assert_true(
		json_is_object(json_object_get(json_object_get(root, "events"), "lost_by_cause")));
	assert_int_equal(get(root, "heap", "alloc_count"), 150);
	assert_int_equal(get(root, "heap", "alloc_bytes"), 102400 + 500);
	assert_int_equal(get(root, "heap", "free_count"), 50);
	assert_int_equal(get(root, "heap", "freed_bytes"), 500);
	assert_int_equal(get(root, "heap", "live_count"), 100);
	assert_int_equal(get(root, "heap", "live_bytes"), 102400);
	assert_int_equal(get(root, "heap", "peak_bytes"), 102410);
	assert_int_equal(get(root, "heap", "peak_at_ns"), 1010);
	assert_int_equal(get(root, "heap", "temporary_count"), 50);
	assert_int_equal(get(root, "heap", "failed_count"), 1);
	assert_int_equal(get(root, "heap", "untracked_free_count"), 1);
	assert_true(json_is_object(json_object_get(root, "mappings")));
	json_decref(root);
}

static void test_sites_carry_figures_and_named_frames(void **state)
{
	json_t *root = sample_json((struct report_options){0});
	json_t *sites = json_object_get(root, "sites"), *site = json_array_get(sites, 0), *frame;

	assert_int_equal(json_array_size(sites), 3);
	assert_int_equal(json_integer_value(json_object_get(site, "live_count")), 100);
	assert_int_equal(json_integer_value(json_object_get(site, "oldest_age_ns")),
		SAMPLE_DURATION_NS - 10);
	assert_int_equal(json_array_size(json_object_get(site, "stack")), 12);
	frame = json_array_get(json_object_get(site, "stack"), 0);
	assert_string_equal(json_string_value(json_object_get(frame, "function")), "leak_here");
	assert_string_equal(json_string_value(json_object_get(frame, "module")), "/usr/bin/leaky");
	assert_string_equal(json_string_value(json_object_get(frame, "build_id")), "0123abcd");
	assert_int_equal(json_integer_value(json_object_get(frame, "address")), 0x55550000000a);
	assert_int_equal(json_integer_value(json_object_get(frame, "offset")), 0xa);
	assert_int_equal(json_integer_value(json_object_get(frame, "function_offset")), 4);
	assert_int_equal(json_integer_value(json_object_get(frame, "line")), 50);
	assert_true(json_is_false(json_object_get(frame, "inlined")));
	json_decref(root);
}

static void test_inlined_call_is_a_frame_before_the_one_it_is_in(void **state)
{
	json_t *root = sample_json((struct report_options){.sort = REPORT_SORT_TEMPORARY});
	json_t *stack = json_object_get(json_array_get(json_object_get(root, "sites"), 0), "stack");

	assert_int_equal(json_array_size(stack), 4);
	assert_true(json_is_true(json_object_get(json_array_get(stack, 0), "inlined")));
	assert_true(json_is_false(json_object_get(json_array_get(stack, 1), "inlined")));
	json_decref(root);
}

static void test_unknown_names_are_absent_and_not_empty(void **state)
{
	json_t *root = sample_json((struct report_options){.sort = REPORT_SORT_COUNT});
	json_t *stack = json_object_get(json_array_get(json_object_get(root, "sites"), 2), "stack");
	json_t *frame = json_array_get(stack, 0);

	assert_null(json_object_get(frame, "function"));
	assert_null(json_object_get(frame, "function_offset"));
	assert_null(json_object_get(frame, "file"));
	assert_null(json_object_get(frame, "line"));
	assert_non_null(json_object_get(frame, "module"));
	json_decref(root);
}

static void test_older_than_restricts_what_is_live(void **state)
{
	/* The first 40 of the leaked blocks are older, the others younger. */
	uint64_t age = SAMPLE_DURATION_NS - 400;
	json_t *root = sample_json((struct report_options){.older_than_ns = age});

	assert_int_equal(get(root, "heap", "live_count"), 40);
	assert_int_equal(get(root, "heap", "live_bytes"), 40960);
	assert_int_equal(get(root, "heap", "alloc_count"), 150);
	json_decref(root);
}

static void test_top_cuts_the_sites_and_says_how_many_there_are(void **state)
{
	json_t *root = sample_json((struct report_options){.top = 2});

	assert_int_equal(json_array_size(json_object_get(root, "sites")), 2);
	assert_int_equal(json_integer_value(json_object_get(root, "site_count")), 3);
	json_decref(root);
}

static void test_losses_are_summed_and_listed_by_cause(void **state)
{
	struct report report = {.run.losses = {[LOSS_RING_FULL] = 5,
					[LOSS_RETURN_MISSED] = 2,
					[LOSS_STACK_RING_FULL] = 9}};
	struct feed feed = sample_feed();
	json_t *root, *causes;

	sample_collect(&report, &feed, (struct report_options){0});
	root = write_and_parse(&report);
	causes = json_object_get(json_object_get(root, "events"), "lost_by_cause");
	assert_int_equal(get(root, "events", "lost"), 7);
	assert_int_equal(json_integer_value(json_object_get(causes, "ring_full")), 5);
	assert_int_equal(json_integer_value(json_object_get(causes, "return_missed")), 2);
	json_decref(root);
	report__free(&report);
	feed_stop(&feed);
}

static void test_any_bytes_in_names_give_a_valid_document(void **state)
{
	char name[256];
	struct report_target target = {1, name};
	struct report report = {.run = {.targets = &target, .target_count = 1}};

	for (int seed = 0; seed < 2000; seed++) {
		srandom(seed);
		for (size_t i = 0; i < sizeof(name) - 1; i++)
			name[i] = 1 + random() % 255;
		name[sizeof(name) - 1] = 0;
		json_decref(write_and_parse(&report));
	}
	strcpy(name, "tab\t quote\" \xc3\xa9 \xff end");
	json_t *root = write_and_parse(&report);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "target"), "command")),
		"tab\t quote\" \xc3\xa9 \xef\xbf\xbd end");
	json_decref(root);
}

static void test_numbers_no_reader_takes_are_clamped(void **state)
{
	struct report report = {.heap.counts.failed_bytes = UINT64_MAX,
		.heap.counts.alloc_bytes = 9007199254740993};
	json_t *root = write_and_parse(&report);

	assert_int_equal(get(root, "heap", "failed_bytes"), INT64_MAX);
	assert_int_equal(get(root, "heap", "alloc_bytes"), 9007199254740993);
	json_decref(root);
}

static void test_names_that_reorder_text_are_escaped_and_come_back(void **state)
{
	const char *name = "gpj.\u202ea \U000e0041 \u00e9";
	struct json_writer json;
	json_t *root;
	size_t size;
	char *text;
	FILE *file = open_memstream(&text, &size);

	json__start(&json, file, 0);
	json__begin_object(&json);
	json__put_string(&json, "name", name);
	json__end_object(&json);
	fclose(file);
	assert_non_null(strstr(text, "gpj.\\u202ea \\udb40\\udc41 \u00e9"));
	root = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(root, "name")), name);
	json_decref(root);
	free(text);
}

/* --- files */

static unsigned int count_entries(const char *directory)
{
	DIR *dir = opendir(directory);
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void test_file_appears_whole_or_not_at_all(void **state)
{
	char directory[] = "/tmp/memtrace-test-XXXXXX", path[64];
	struct output output;
	struct error err = {0};
	struct stat st;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/report.json", directory);
	assert_int_equal(output__check(path, &err), 0);
	assert_int_equal(count_entries(directory), 0);
	assert_int_equal(output__open(&output, path, &err), 0);
	fputs("half", output.file);
	assert_int_equal(access(path, F_OK), -1);
	output__abort(&output);
	assert_int_equal(count_entries(directory), 0);
	assert_int_equal(output__open(&output, path, &err), 0);
	fputs("whole", output.file);
	assert_int_equal(output__commit(&output, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(count_entries(directory), 1);
	unlink(path);
	rmdir(directory);
}

static void test_unwritable_file_is_named_in_the_error(void **state)
{
	struct output output;
	struct error err = {0};

	assert_int_equal(output__check("/nonexistent/x.json", &err), -ENOENT);
	assert_non_null(strstr(err.message, "/nonexistent/x.json"));
	assert_int_equal(output__open(&output, "/", &err), -EISDIR);
	assert_int_equal(output__open(&output, "/dev/full", &err), 0);
	fputs("x", output.file);
	assert_int_equal(output__commit(&output, &err), -ENOSPC);
	assert_non_null(strstr(err.message, "/dev/full"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_reorder_text_are_escaped_and_come_back),
		cmocka_unit_test(test_relied_upon_keys_are_there_and_exact),
		cmocka_unit_test(test_sites_carry_figures_and_named_frames),
		cmocka_unit_test(test_inlined_call_is_a_frame_before_the_one_it_is_in),
		cmocka_unit_test(test_unknown_names_are_absent_and_not_empty),
		cmocka_unit_test(test_older_than_restricts_what_is_live),
		cmocka_unit_test(test_top_cuts_the_sites_and_says_how_many_there_are),
		cmocka_unit_test(test_losses_are_summed_and_listed_by_cause),
		cmocka_unit_test(test_any_bytes_in_names_give_a_valid_document),
		cmocka_unit_test(test_numbers_no_reader_takes_are_clamped),
		cmocka_unit_test(test_file_appears_whole_or_not_at_all),
		cmocka_unit_test(test_unwritable_file_is_named_in_the_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
