/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/suppressions.h"

static struct report_frame stack[] = {
	{.function = "malloc", .module = "/usr/lib/libc.so.6"},
	{.function = "operator new[](unsigned long)", .module = "/usr/lib/libstdc++.so.6"},
	{.function = "Pool::take(int)",
		.module = "/opt/app/libpool.so",
		.file = "/src/pool.cc",
		.line = 12},
	{.function = "serve", .module = "/opt/app/server", .file = "/src/server.cc", .line = 7},
	{.function = "main", .module = "/opt/app/server"},
};

static bool is_suppressed(const char *text)
{
	struct suppressions *suppressions = suppressions__new();
	struct report report = {0};
	struct report_leak leak = {0};
	struct error err = {0};
	bool result;

	leak.site.frames = stack;
	leak.site.frame_count = sizeof(stack) / sizeof(stack[0]);
	leak.sums[REPORT_DEFINITE] = (struct report_reach_sum){2, 100};
	assert_int_equal(vec_push(&report.leaks.sites, leak), 0);
	if (suppressions__parse(suppressions, "file", text, strlen(text), &err))
		fail_msg("%s", err.message);
	assert_int_equal(suppressions__apply(suppressions, &report), 0);
	result = report.leaks.sites.data[0].suppressed;
	report__free(&report);
	suppressions__free(suppressions);
	return result;
}

#define LEAK(frames) "{\n   name\n   Memcheck:Leak\n" frames "}\n"

static void test_frames_match_from_the_innermost_on(void **state)
{
	assert_true(is_suppressed(LEAK("fun:malloc\nfun:Pool::take\n")));
	assert_true(is_suppressed(LEAK("fun:_Znam\nfun:_ZN4Pool4takeEi\nfun:serve\n")));
	assert_true(is_suppressed(LEAK("fun:Pool::take*\nobj:*/server\n")));
	assert_false(is_suppressed(LEAK("fun:malloc\nfun:serve\n")));
	assert_false(is_suppressed(LEAK("fun:serve\n")));
	assert_false(is_suppressed(
		LEAK("fun:malloc\nfun:Pool::take\nfun:serve\nfun:main\nfun:_start\n")));
}

static void test_dots_stand_for_any_number_of_frames(void **state)
{
	assert_true(is_suppressed(LEAK("...\nfun:serve\n")));
	assert_true(is_suppressed(LEAK("fun:malloc\n...\nfun:main\n")));
	assert_true(is_suppressed(LEAK("fun:malloc\n...\n")));
	assert_true(is_suppressed(LEAK("...\nfun:Pool::*\n...\nfun:ma?n\n")));
	assert_false(is_suppressed(LEAK("...\nfun:main\n...\nfun:serve\n")));
}

static void test_lines_of_sources_match(void **state)
{
	assert_true(is_suppressed(LEAK("...\nsrc:pool.cc:12\n")));
	assert_true(is_suppressed(LEAK("...\nsrc:*/server.cc\n")));
	assert_false(is_suppressed(LEAK("...\nsrc:pool.cc:13\n")));
}

static void test_kinds_and_other_tools_are_told_apart(void **state)
{
	assert_true(is_suppressed(LEAK("match-leak-kinds: definite,possible\n...\nfun:main\n")));
	assert_false(is_suppressed(LEAK("match-leak-kinds: indirect\n...\nfun:main\n")));
	assert_false(is_suppressed("{\n name\n Memcheck:Cond\n whatever\n ...\n fun:main\n}\n"));
	assert_false(is_suppressed("{\n name\n Helgrind:Race\n ...\n fun:main\n}\n"));
}

static void test_templates_match_anywhere(void **state)
{
	assert_true(is_suppressed("# known\n\nleak:libpool\n"));
	assert_true(is_suppressed("leak:Pool::take\n"));
	assert_true(is_suppressed("leak:^serve$\n"));
	assert_true(is_suppressed("leak:/src/*.cc\n"));
	assert_false(is_suppressed("leak:^erve\n"));
	assert_false(is_suppressed("leak:serv$\n"));
}

static void test_a_bad_line_is_named(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"leek:x\n", "file:1: neither"},
		{"{\n name\n Memcheck:Leak\n fum:x\n}\n", "file:4: neither"},
		{"{\n name\n Memcheck:Leak\n}\n", "file:4: a suppression without frames"},
		{"{\n name\n Memcheck:Leak\n fun:x\n", "without its }"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct suppressions *suppressions = suppressions__new();
		struct error err = {0};

		assert_int_equal(suppressions__parse(suppressions, "file", bad[i].text,
					 strlen(bad[i].text), &err),
			-EINVAL);
		assert_non_null(strstr(err.message, bad[i].message));
		suppressions__free(suppressions);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_match_from_the_innermost_on),
		cmocka_unit_test(test_dots_stand_for_any_number_of_frames),
		cmocka_unit_test(test_lines_of_sources_match),
		cmocka_unit_test(test_kinds_and_other_tools_are_told_apart),
		cmocka_unit_test(test_templates_match_anywhere),
		cmocka_unit_test(test_a_bad_line_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
