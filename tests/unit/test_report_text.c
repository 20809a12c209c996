/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The text report: what it says, and that it fits. */
#include "report/callers.h"
#include "report/live_line.h"
#include "report/loss.h"
#include "report/residence.h"
#include "report/text.h"
#include "report_sample.h"

struct page {
	struct report report;
	char *text;
	size_t size;
};

static struct page write_page(
	struct page page, struct report_options collect, struct text_options text)
{
	struct feed feed = sample_feed();
	FILE *file;

	sample_collect(&page.report, &feed, collect);
	file = open_memstream(&page.text, &page.size);
	text__write_report(&page.report, &text, file);
	fclose(file);
	feed_stop(&feed);
	return page;
}

static void free_page(struct page *page)
{
	report__free(&page->report);
	free(page->text);
}

static void assert_says(const struct page *page, const char *words)
{
	if (!strstr(page->text, words))
		fail_msg("no \"%s\" in:\n%s", words, page->text);
}

static void test_leak_stands_first_with_its_stack(void **state)
{
	struct page page =
		write_page((struct page){0}, (struct report_options){0}, (struct text_options){0});

	assert_says(&page, "target      4321  /usr/bin/leaky --fast\n");
	assert_says(&page, "no events lost");
	assert_says(&page, "   1  100 KiB live (100.0 %) in 100 blocks");
	assert_says(&page, "leak_here");
	assert_says(&page, "leaky.c:50");
	assert_says(&page, "(+9 more)");
	assert_says(&page, "and 1 from before the attach");
	if (getenv("SHOW"))
		print_message("%s", page.text);
	free_page(&page);
}

static void describe(struct heap_residence residence, bool is_whole, bool has_exited, char *out)
{
	residence__describe(&residence, is_whole, has_exited, "live", out, 256);
}

static void test_rss_says_what_the_allocator_keeps_where_that_is_known(void **state)
{
	struct heap_residence residence = {
		.process_count = 1,
		.resident_bytes = 604 << 20,
		.anonymous_bytes = 600 << 20,
		.allocator_bytes = 589 << 20,
		.live_bytes = 9 << 20,
	};
	char out[256];

	describe(residence, true, false, out);
	assert_string_equal(out, "604 MiB: 9.00 MiB live, about 580 MiB kept by the allocator");
	describe(residence, false, false, out);
	assert_string_equal(out, "604 MiB: 9.00 MiB live from since the attach");
	residence.peak_bytes = 700 << 20;
	residence.anonymous_bytes = 10 << 20; /* most was given back to the kernel */
	describe(residence, true, true, out);
	assert_string_equal(out, "604 MiB at exit, peak 700 MiB: 9.00 MiB live");
	residence.resident_bytes = 0;
	describe(residence, true, true, out);
	assert_string_equal(out, "peak 700 MiB");
	describe((struct heap_residence){0}, true, true, out);
	assert_string_equal(out, "");
}

static void test_report_fits_one_screen_of_80_by_24(void **state)
{
	struct page page = write_page((struct page){0}, (struct report_options){0},
		(struct text_options){.width = 80, .rows = 24});
	unsigned int rows = 0, column = 0;

	for (const char *c = page.text; *c; c++) {
		column = *c == '\n' ? 0 : column + 1;
		rows += *c == '\n';
		assert_in_range(column, 0, 80);
	}
	assert_in_range(rows, 10, 23); /* the prompt takes one */
	free_page(&page);
}

static void test_loss_is_said_in_words_with_its_remedy(void **state)
{
	struct page page = {.report.run.losses = {[LOSS_RING_FULL] = 1234}};

	page = write_page(page, (struct report_options){0}, (struct text_options){0});
	assert_says(&page, "1,234 of 1,436 events LOST: ring buffer full (raise\n");
	assert_says(&page, "            --ring-size)");
	free_page(&page);
}

static void test_several_causes_of_loss_have_their_own_counts(void **state)
{
	struct page page = {.report.run.losses = {[LOSS_RING_FULL] = 5,
				    [LOSS_RETURN_MISSED] = 7,
				    [LOSS_STACK_RING_FULL] = 3}};
	char words[1024];

	page = write_page(page, (struct report_options){0}, (struct text_options){0});
	text__describe_loss(&page.report, words, sizeof(words));
	assert_string_equal(words, "12 of 214 events LOST: 5 ring buffer full (raise --ring-size); "
				   "7 calls left by longjmp or an exception: outcome unknown");
	assert_says(&page, "3 stacks lost, ring buffer full");
	free_page(&page);
}

static void test_what_the_recording_lacks_stands_beside_the_losses(void **state)
{
	struct page page = {.report.run = {.missing_records = 12345}};

	page = write_page(page, (struct report_options){0}, (struct text_options){0});
	assert_says(&page, "no events lost; 12,345 records MISSING from the");
	free_page(&page);
}

static void test_no_remedy_is_cut_off(void **state)
{
	for (enum loss_cause cause = 0; cause < LOSS_COUNT; cause++) {
		const struct loss_words *words = loss__words(cause);
		struct page page = {0};
		const char *last;

		page.report.run.losses[cause] = 1234567;
		page = write_page(page, (struct report_options){0}, (struct text_options){0});
		assert_non_null(words->what);
		last = words->remedy ? strrchr(words->remedy, ' ') : strrchr(words->what, ' ');
		assert_says(&page, last + 1);
		assert_null(strstr(page.text, "...\n"));
		for (char *line = strtok(page.text, "\n"); line; line = strtok(NULL, "\n"))
			assert_true(strlen(line) <= 80);
		free_page(&page);
	}
}

static void test_every_incomplete_stack_is_told(void **state)
{
	struct page page = {.report.run.stack_stops = {[STACK_COMPLETE] = 6577,
				    [STACK_NO_RULE] = 11,
				    [STACK_NOT_WALKED] = 3, /* as was asked for */
				    [STACK_NO_TABLES] = 5412}};

	page = write_page(page, (struct report_options){0}, (struct text_options){0});
	assert_says(&page, "stacks      5,423 of 12,000 end early: 11 code without unwind");
	assert_says(&page, "unwind tables were loaded");
	free_page(&page);
}

static void test_plumbing_frames_are_folded_unless_asked_for(void **state)
{
	struct report_options by_count = {.sort = REPORT_SORT_TEMPORARY};
	struct page page = write_page((struct page){0}, by_count, (struct text_options){0});

	assert_null(strstr(page.text, "push_back"));
	free_page(&page);
	page = write_page((struct page){0}, by_count, (struct text_options){.full_stacks = true});
	assert_says(&page, "push_back");
	free_page(&page);
}

static void test_top_shows_exactly_so_many_sites(void **state)
{
	struct page page = write_page((struct page){0}, (struct report_options){.top = 1},
		(struct text_options){.top = 1});

	assert_says(&page, "1 of 3 call sites by live bytes");
	assert_says(&page, "... 2 more");
	assert_null(strstr(page.text, "\n   2  "));
	free_page(&page);
}

static size_t first_of(struct report_frame *frames, size_t count)
{
	struct report_site site = {.frames = frames, .frame_count = count, .alloc_count = 1};

	return callers__first(&site);
}

static void test_a_site_is_named_by_the_first_frame_that_tells(void **state)
{
	struct report_frame pool[] = {
		{.module = "/usr/lib/libstdc++.so.6", .offset = 0x10},
		{.module = "/usr/lib/libstdc++.so.6",
			.function = "std::pmr::memory_resource::allocate(unsigned long)"},
		{.module = "/usr/bin/app", .function = "fill_pmr(int)"},
	};
	struct report_frame stripped[] = {
		{.module = "/usr/lib/libfoo.so.1.2", .offset = 0x10},
		{.module = "/usr/bin/app", .offset = 0x20},
		{.module = "/usr/lib/libc.so.6", .function = "__libc_start_main"},
	};
	struct report_frame nameless[] = {{.module = "/usr/lib/libfoo.so", .offset = 0x10}};
	struct report_frame jit[] = {{.address = 0x7000}};

	assert_int_equal(first_of(pool, 3), 2);
	assert_int_equal(first_of(stripped, 3), 1);
	assert_int_equal(first_of(nameless, 1), 0);
	assert_int_equal(first_of(jit, 1), 0);
}

static void test_the_emergency_pool_of_exceptions_is_marked(void **state)
{
	struct report_frame frames[] = {
		{.module = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", .offset = 0x10},
		{.module = "/lib64/ld-linux-x86-64.so.2", .function = "call_init"},
	};
	struct report_site site = {.frames = frames, .frame_count = 2, .alloc_count = 1};

	assert_non_null(callers__remark(&site));
	frames[1].function = "main";
	assert_null(callers__remark(&site));
	frames[1].function = "call_init";
	site.alloc_count = 2;
	assert_null(callers__remark(&site));
}

static void test_what_is_not_live_is_not_listed_by_live_bytes(void **state)
{
	struct page page =
		write_page((struct page){0}, (struct report_options){0}, (struct text_options){0});

	assert_null(strstr(page.text, "nothing live"));
	assert_says(&page, "1 of 3 call sites by live bytes");
	assert_says(&page, "... 2 more, none of them live: --sort alloc");
	free_page(&page);
	page = write_page((struct page){0}, (struct report_options){.sort = REPORT_SORT_ALLOC},
		(struct text_options){.top = 3});
	assert_says(&page, "nothing live");
	free_page(&page);
}

static void test_size_filter_is_said(void **state)
{
	struct feed feed = feed_start_with((struct heap_options){.min_size = 16, .max_size = 64});
	struct report report = {0};
	struct text_options options = {0};
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	feed_alloc(&feed, 0x1000, 8, STACK_A);
	sample_collect(&report, &feed, (struct report_options){0});
	text__write_report(&report, &options, file);
	fclose(file);
	assert_non_null(
		strstr(text, "only blocks of 16 B to 64 B; 1 other events are not counted"));
	free(text);
	report__free(&report);
	feed_stop(&feed);
}

static void test_hostile_names_cannot_break_the_terminal(void **state)
{
	struct report_target target = {1, "evil\033[2Jname\n\xff"};
	struct report report = {.run = {.targets = &target, .target_count = 1}};
	struct text_options options = {0};
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	text__write_report(&report, &options, file);
	fclose(file);
	assert_non_null(strstr(text, "evil?[2Jname??\n"));
	assert_null(strchr(text, '\033'));
	free(text);
	report__free(&report);
}

/* A report of one site whose names are as long as templates make them. */
static char *write_long_names(struct text_options options)
{
	char function[2000];
	struct report_frame frame = {.function = function,
		.file = "/src/a_file_with_a_long_name_of_its_own.cc",
		.line = 7};
	struct report_site site = {.frames = &frame, .frame_count = 1, .live_count = 1};
	struct report report = {.site_total = 1};
	size_t size;
	char *text;
	FILE *file = open_memstream(&text, &size);

	memset(function, 'x', sizeof(function) - 2);
	strcpy(function + sizeof(function) - 2, "E");
	assert_int_equal(vec_push(&report.sites, site), 0);
	text__write_report(&report, &options, file);
	fclose(file);
	vec_free(&report.sites);
	return text;
}

static void test_lines_are_cut_on_a_terminal_and_whole_in_a_file(void **state)
{
	char *text = write_long_names((struct text_options){0});

	assert_non_null(strstr(text, "xxE  a_file_with_a_long_name_of_its_own.cc:7\n"));
	free(text);
	text = write_long_names((struct text_options){.width = 100});
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_in_range(strlen(line), 0, 100);
	free(text);
}

static void test_colours_are_for_terminals_that_want_them(void **state)
{
	struct page page = {.report.run.losses = {[LOSS_RING_FULL] = 5}};

	page = write_page(page, (struct report_options){0},
		(struct text_options){.width = 80, .color = true});
	assert_says(&page, "\033[1;31mevents ");
	assert_says(&page, "\033[1m   1  100 KiB live");
	assert_says(&page, "\033[0m\n");
	free_page(&page);
}

static void test_live_line_fits_80_columns_whatever_the_numbers(void **state)
{
	struct live_line large = {
		UINT64_MAX, UINT64_MAX, 1, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	struct live_line usual = {61000000000, 250000, 250000000, 3 << 20, 12345, 0, 0};
	char text[LIVE_LINE_SIZE];

	live_line__format(&large, text);
	assert_in_range(strlen(text), 1, 80);
	live_line__format(&usual, text);
	assert_string_equal(text, "1 min 01 s | 1,000,000 allocs/s | 3.00 MiB live in "
				  "12,345 blocks | 0 lost");
	usual.others = 7;
	live_line__format(&usual, text);
	assert_non_null(strstr(text, " | 3.00 MiB live | 0 lost, 7 other losses"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leak_stands_first_with_its_stack),
		cmocka_unit_test(test_rss_says_what_the_allocator_keeps_where_that_is_known),
		cmocka_unit_test(test_report_fits_one_screen_of_80_by_24),
		cmocka_unit_test(test_loss_is_said_in_words_with_its_remedy),
		cmocka_unit_test(test_several_causes_of_loss_have_their_own_counts),
		cmocka_unit_test(test_what_the_recording_lacks_stands_beside_the_losses),
		cmocka_unit_test(test_no_remedy_is_cut_off),
		cmocka_unit_test(test_every_incomplete_stack_is_told),
		cmocka_unit_test(test_plumbing_frames_are_folded_unless_asked_for),
		cmocka_unit_test(test_top_shows_exactly_so_many_sites),
		cmocka_unit_test(test_a_site_is_named_by_the_first_frame_that_tells),
		cmocka_unit_test(test_the_emergency_pool_of_exceptions_is_marked),
		cmocka_unit_test(test_what_is_not_live_is_not_listed_by_live_bytes),
		cmocka_unit_test(test_size_filter_is_said),
		cmocka_unit_test(test_hostile_names_cannot_break_the_terminal),
		cmocka_unit_test(test_lines_are_cut_on_a_terminal_and_whole_in_a_file),
		cmocka_unit_test(test_colours_are_for_terminals_that_want_them),
		cmocka_unit_test(test_live_line_fits_80_columns_whatever_the_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
