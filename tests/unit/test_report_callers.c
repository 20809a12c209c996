/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which frames of a site are printed: its caller, not wrappers and not what every stack ends with;
 * and what tells two sites apart that are printed alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/callers.h"
#include "report/roots.h"
#include "report/text_apart.h"

#define APP "/usr/bin/app"
#define LIBC "/usr/lib/libc.so.6"

/* --- roots */

static void test_what_every_stack_ends_with_is_no_frame_of_interest(void **state)
{
	const struct root_frame program[] = {{"work", "app"}, {"main", "app"},
		{"__libc_start_call_main", "libc.so.6"}, {"__libc_start_main", "libc.so.6"},
		{"_start", "app"}};
	const struct root_frame thread[] = {
		{"work", "app"}, {"start_thread", "libc.so.6"}, {"clone3", "libc.so.6"}};
	const struct root_frame is_static[] = {{"main", "app"}, {"__libc_start_call_main", "app"},
		{"__libc_start_main_impl", "app"}, {"_start", "app"}};
	const struct root_frame stripped[] = {{NULL, "app"}, {NULL, "libc.so.6"},
		{"__libc_start_main", "libc.so.6"}, {NULL, "app"}};

	assert_int_equal(roots__count(program, 5), 3);
	assert_int_equal(roots__count(thread, 3), 2);
	assert_int_equal(roots__count(is_static, 4), 3);
	assert_int_equal(roots__count(stripped, 4), 3);
}

static void test_an_applications_function_of_a_roots_name_stays(void **state)
{
	const struct root_frame further_in[] = {{"clone", "app"}, {"start_thread", "app"},
		{"run", "app"}, {"start_thread", "libc.so.6"}, {"clone3", "libc.so.6"}};
	const struct root_frame last[] = {
		{"work", "app"}, {"start_thread", "app"}, {"start_thread", "libc.so.6"}};
	const struct root_frame twice[] = {{"work", "app"}, {"_start", "app"}, {"main", "app"},
		{"__libc_start_main", "libc.so.6"}, {"_start", "app"}};
	const struct root_frame alone[] = {{"_start", "app"}};

	assert_int_equal(roots__count(further_in, 5), 2);
	assert_int_equal(roots__count(last, 3), 1);
	assert_int_equal(roots__count(twice, 5), 2);
	assert_int_equal(roots__count(alone, 1), 0);
}

static void test_rusts_way_into_a_program_is_left_out(void **state)
{
	const struct root_frame frames[] = {{"app::load", "app"}, {"app::main", "app"},
		{"core::ops::function::FnOnce::call_once", "app"},
		{"std::rt::lang_start::{{closure}}", "app"},
		{"std::rt::lang_start_internal", "app"}, {"main", "app"},
		{"__libc_start_main", "libc.so.6"}, {"_start", "app"}};
	const struct root_frame thread[] = {{"app::main::{{closure}}", "app"},
		{"core::ops::function::FnOnce::call_once{{vtable.shim}}", "app"},
		{"std::sys::thread::unix::Thread::new::thread_start", "app"},
		{"start_thread", "libc.so.6"}, {"clone3", "libc.so.6"}};
	const struct root_frame c_program[] = {
		{"std::load(int)", "app"}, {"main", "app"}, {"_start", "app"}};

	assert_int_equal(roots__count_with_language(frames, 8), 6);
	assert_int_equal(roots__count(frames, 8), 2);
	assert_int_equal(roots__count_with_language(thread, 5), 4);
	assert_int_equal(roots__count_with_language(c_program, 3), 1);
}

/* --- wrappers */

#define DEPTH 4

/* What allocates: FUNCTION(SIZE) called by each of the callers, which main calls. */
struct allocating {
	const char *function;
	size_t callers;
	uint64_t size; /* of the first caller's blocks */
	uint64_t step; /* by which those of the next ones are larger */
	bool callers_allocate;
	bool is_nameless; /* all of the program is */
};

struct sample {
	struct report report;
	struct report_frame frames[64][DEPTH];
	char names[64][32];
};

static void add_site(
	struct sample *sites, const char *innermost, size_t caller, uint64_t size, bool is_nameless)
{
	size_t i = sites->report.sites.size, count = 0;
	struct report_frame *frames = sites->frames[i];
	struct report_site site = {.frames = frames, .alloc_count = 2, .alloc_bytes = 2 * size};

	assert_in_range(i, 0, 63);
	snprintf(sites->names[i], sizeof(sites->names[i]), "caller_%zu", caller);
	frames[count++] = (struct report_frame){.module = LIBC, .function = "malloc"};
	if (innermost)
		frames[count++] = (struct report_frame){
			.module = APP, .function = innermost, .offset = 0x10, .line = 7};
	frames[count++] = (struct report_frame){
		.module = APP, .function = sites->names[i], .offset = 0x100 + caller};
	frames[count++] = (struct report_frame){.module = APP, .function = "main", .offset = 0x900};
	for (size_t j = 1; j < count && is_nameless; j++)
		frames[j].function = NULL;
	site.frame_count = count;
	assert_int_equal(vec_push(&sites->report.sites, site), 0);
}

/* The index of the frame that names the first site: 1 is the one that asked malloc. */
static size_t first_frame_of(struct allocating what)
{
	static struct sample sites;
	size_t first;

	memset(&sites, 0, sizeof(sites));
	for (size_t i = 0; i < what.callers; i++)
		add_site(&sites, what.function, i, what.size + i * what.step, what.is_nameless);
	for (size_t i = 0; i < what.callers && what.callers_allocate; i++)
		add_site(&sites, NULL, i, 100 + i, what.is_nameless);
	assert_int_equal(callers__mark_wrappers(&sites.report), 0);
	first = callers__first(&sites.report.sites.data[0]);
	vec_free(&sites.report.sites);
	return first;
}

static void test_what_alone_allocates_for_many_is_a_wrapper(void **state)
{
	assert_int_equal(first_frame_of((struct allocating){
				 .function = "take", .callers = 6, .size = 32, .step = 8}),
		2);
}

static void test_what_is_no_wrapper_names_the_site(void **state)
{
	/* too few callers */
	assert_int_equal(first_frame_of((struct allocating){
				 .function = "take", .callers = 4, .size = 32, .step = 8}),
		1);
	/* a constructor: all blocks are of one size */
	assert_int_equal(first_frame_of((struct allocating){
				 .function = "make_node", .callers = 20, .size = 32, .step = 0}),
		1);
	/* its callers know malloc, too */
	assert_int_equal(first_frame_of((struct allocating){.function = "read_line",
				 .callers = 8,
				 .size = 32,
				 .step = 8,
				 .callers_allocate = true}),
		1);
	assert_int_equal(first_frame_of((struct allocating){
				 .function = "main", .callers = 8, .size = 32, .step = 8}),
		1);
}

static void test_a_nameless_wrapper_needs_more_to_show_itself(void **state)
{
	assert_int_equal(first_frame_of((struct allocating){.function = "take",
				 .callers = 9,
				 .size = 32,
				 .step = 8,
				 .is_nameless = true}),
		1);
	assert_int_equal(first_frame_of((struct allocating){.function = "take",
				 .callers = 10,
				 .size = 32,
				 .step = 8,
				 .is_nameless = true}),
		2);
}

static void test_what_stands_further_out_elsewhere_is_no_wrapper(void **state)
{
	static struct sample sites;

	memset(&sites, 0, sizeof(sites));
	for (size_t i = 0; i < 8; i++)
		add_site(&sites, "parse", i, 32 + 8 * i, false);
	/* parse calls another function that allocates */
	add_site(&sites, "make_node", 99, 32, false);
	sites.frames[8][2].function = "parse";
	assert_int_equal(callers__mark_wrappers(&sites.report), 0);
	assert_int_equal(callers__first(&sites.report.sites.data[0]), 1);
	vec_free(&sites.report.sites);
}

/* --- sites that are printed alike */

static struct report_frame app_frame(const char *function, uint64_t offset)
{
	return (struct report_frame){.module = APP,
		.function = function,
		.file = "/src/app.c",
		.line = 7,
		.offset = offset};
}

static void assert_told(
	struct report_frame *first, struct report_frame *second, size_t count, const char *words)
{
	struct report_site sites[] = {
		{.frames = first, .frame_count = count}, {.frames = second, .frame_count = count}};
	struct text_page page = text__page(stdout, 0);
	char told[512];

	page.rows = 24;
	assert_int_equal(text__tell_apart(&page, sites, 2, 0, told, sizeof(told)), *words != 0);
	assert_string_equal(told, words);
	assert_int_equal(text__tell_apart(&page, sites, 2, 1, told, sizeof(told)), *words != 0);
	assert_true(!*words || strcmp(told, words) != 0);
	/* alone it needs no telling */
	assert_false(text__tell_apart(&page, sites, 1, 0, told, sizeof(told)));
}

static void test_sites_with_the_same_lines_are_told_apart(void **state)
{
	struct report_frame one[] = {app_frame("load", 0x10), app_frame("main", 0x20)};
	struct report_frame same_line[] = {app_frame("load", 0x18), app_frame("main", 0x20)};
	struct report_frame other_line[] = {app_frame("load", 0x18), app_frame("main", 0x20)};
	struct report_frame push[] = {
		app_frame("std::vector<int>::push_back(int&&)", 0x10), app_frame("main", 0x20)};
	struct report_frame copy[] = {
		app_frame("std::vector<int>::vector(std::vector<int> const&)", 0x30),
		app_frame("main", 0x20)};
	struct report_frame deep[] = {app_frame("f", 1), app_frame("g", 2), app_frame("h", 3),
		app_frame("read_all", 4), app_frame("main", 5)};
	struct report_frame deep_too[] = {app_frame("f", 1), app_frame("g", 2), app_frame("h", 3),
		app_frame("write_all", 4), app_frame("main", 6)};

	other_line[0].line = 8;
	assert_told(one, same_line, 2, "call at app+0x10");
	assert_told(one, other_line, 2, "");
	assert_told(push, copy, 2, "through std::vector<int>::push_back(int&&)  app.c:7");
	assert_told(deep, deep_too, 5, "called from read_all  app.c:7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_every_stack_ends_with_is_no_frame_of_interest),
		cmocka_unit_test(test_an_applications_function_of_a_roots_name_stays),
		cmocka_unit_test(test_rusts_way_into_a_program_is_left_out),
		cmocka_unit_test(test_what_alone_allocates_for_many_is_a_wrapper),
		cmocka_unit_test(test_what_is_no_wrapper_names_the_site),
		cmocka_unit_test(test_a_nameless_wrapper_needs_more_to_show_itself),
		cmocka_unit_test(test_what_stands_further_out_elsewhere_is_no_wrapper),
		cmocka_unit_test(test_sites_with_the_same_lines_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
