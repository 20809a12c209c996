/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The parser of /proc/PID/maps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/maps.h"

static struct maps parse(const char *text)
{
	struct maps maps;

	assert_int_equal(maps__parse(text, strlen(text), &maps), 0);
	return maps;
}

static void test_a_line_of_a_file_gives_every_field(void **state)
{
	struct maps maps = parse("7f0000001000-7f0000003000 r-xs 00002000 103:0a 4711      "
				 "           /usr/lib/lib c++.so\n");
	const struct mapping *m = maps.data;

	assert_int_equal(maps.size, 1);
	assert_int_equal(m->start, 0x7f0000001000);
	assert_int_equal(m->end, 0x7f0000003000);
	assert_int_equal(m->offset, 0x2000);
	assert_int_equal(m->prot, PROT_READ | PROT_EXEC);
	assert_true(m->shared);
	assert_false(m->deleted);
	assert_int_equal(m->dev_major, 0x103);
	assert_int_equal(m->dev_minor, 0xa);
	assert_int_equal(m->inode, 4711);
	assert_string_equal(m->path, "/usr/lib/lib c++.so");
	maps__free(&maps);
}

static void test_a_deleted_file_keeps_its_last_name_and_is_marked(void **state)
{
	struct maps maps = parse("1000-2000 r-xp 0 0:1 7 /tmp/a.so (deleted)\n"
				 "2000-3000 r-xp 0 0:1 8 /tmp/b (deleted).so\n");

	assert_string_equal(maps.data[0].path, "/tmp/a.so");
	assert_true(maps.data[0].deleted);
	assert_string_equal(maps.data[1].path, "/tmp/b (deleted).so");
	assert_false(maps.data[1].deleted);
	maps__free(&maps);
}

static void test_an_escaped_newline_cannot_forge_a_line(void **state)
{
	struct maps maps = parse("1000-2000 r-xp 0 0:1 7 /tmp/x\\0129000-a000 r-xp\\134\n");

	assert_int_equal(maps.size, 1);
	assert_string_equal(maps.data[0].path, "/tmp/x\n9000-a000 r-xp\\134");
	maps__free(&maps);
}

static void test_anonymous_memory_has_an_empty_path(void **state)
{
	struct maps maps = parse("1000-2000 rw-p 00000000 00:00 0 \n"
				 "3000-4000 r-xp 00000000 00:00 0    [vdso]");

	assert_int_equal(maps.size, 2);
	assert_string_equal(maps.data[0].path, "");
	assert_false(mapping__is_vdso(&maps.data[0]));
	assert_true(mapping__is_vdso(&maps.data[1]));
	maps__free(&maps);
}

static void test_lines_that_are_malformed_or_overlap_are_skipped_and_counted(void **state)
{
	static const char *const bad[] = {"", "\n", "zzz\n", "1000\n", "1000-\n",
		"2000-1000 r-xp 0 0:0 0\n", "1000-2000\n", "1000-2000 r\n", "1000-2000 r-xp\n",
		"1000-2000 r-xp 0 0\n", "1000-2000 r-xp 0 0:0\n",
		"10000000000000000-20000000000000000 r-xp 0 0:0 0\n",
		"1000-2000 r-xp 0 100000000:0 0\n",
		"1000-2000 r-xp 0 0:0 99999999999999999999999\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct maps maps = parse(bad[i]);

		assert_int_equal(maps.size, 0);
		assert_int_equal(maps.skipped, *bad[i] ? 1 : 0);
		maps__free(&maps);
	}
	struct maps maps = parse("1000-3000 r-xp 0 0:0 0\n2000-4000 r-xp 0 0:0 0\n"
				 "4000-5000 r-xp 0 0:0 0\n");
	assert_int_equal(maps.size, 2);
	assert_int_equal(maps.skipped, 1);
	maps__free(&maps);
}

static void test_find_knows_first_and_last_byte_and_the_gaps(void **state)
{
	struct maps maps = parse("1000-2000 r-xp 0 0:0 0 a\n3000-4000 r-xp 100 0:0 0 b\n"
				 "4000-5000 r-xp 0 0:0 0 c\n");

	assert_null(maps__find(&maps, 0xfff));
	assert_string_equal(maps__find(&maps, 0x1000)->path, "a");
	assert_string_equal(maps__find(&maps, 0x1fff)->path, "a");
	assert_null(maps__find(&maps, 0x2000));
	assert_string_equal(maps__find(&maps, 0x3fff)->path, "b");
	assert_string_equal(maps__find(&maps, 0x4000)->path, "c");
	assert_null(maps__find(&maps, 0x5000));
	assert_int_equal(mapping__file_offset(&maps.data[1], 0x3010), 0x110);
	maps__free(&maps);
}

static void test_own_maps_hold_own_code_stack_and_vdso(void **state)
{
	struct error err;
	struct maps maps;
	const struct mapping *code;
	int local, vdsos = 0;

	assert_int_equal(maps__read(getpid(), &maps, &err), 0);
	code = maps__find(&maps, (uintptr_t)test_own_maps_hold_own_code_stack_and_vdso);
	assert_non_null(code);
	assert_true(mapping__is_executable(code));
	assert_non_null(strstr(code->path, "test_maps"));
	assert_string_equal(maps__find(&maps, (uintptr_t)&local)->path, "[stack]");
	for (size_t i = 0; i < maps.size; i++)
		vdsos += mapping__is_vdso(&maps.data[i]);
	assert_int_equal(vdsos, 1);
	assert_int_equal(maps.skipped, 0);
	maps__free(&maps);
}

static void test_a_process_that_is_gone_is_an_error(void **state)
{
	struct error err;
	struct maps maps;

	assert_int_equal(maps__read(0x7fffffff, &maps, &err), -ESRCH);
	assert_non_null(strstr(err.message, "exited"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_of_a_file_gives_every_field),
		cmocka_unit_test(test_a_deleted_file_keeps_its_last_name_and_is_marked),
		cmocka_unit_test(test_an_escaped_newline_cannot_forge_a_line),
		cmocka_unit_test(test_anonymous_memory_has_an_empty_path),
		cmocka_unit_test(test_lines_that_are_malformed_or_overlap_are_skipped_and_counted),
		cmocka_unit_test(test_find_knows_first_and_last_byte_and_the_gaps),
		cmocka_unit_test(test_own_maps_hold_own_code_stack_and_vdso),
		cmocka_unit_test(test_a_process_that_is_gone_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
