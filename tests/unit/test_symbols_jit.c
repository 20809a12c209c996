/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Names of JIT code out of perf-PID.map files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/root.h"
#include "symbols/jit_map.h"
#include "symbols/symbolizer.h"

static char map_path[64];
static int root;

static int pin_own_root(void **state)
{
	root = root__pin(getpid());
	return root < 0;
}

static int close_root(void **state)
{
	return close(root);
}

static int set_path(void **state)
{
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", getpid());
	unlink(map_path);
	return 0;
}

static int remove_map(void **state)
{
	unlink(map_path);
	return 0;
}

static void append(const char *text)
{
	FILE *file = fopen(map_path, "a");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct jit_map parse(const char *text)
{
	struct jit_map map;

	jit_map__init(&map, root, getpid(), getuid());
	assert_int_equal(jit_map__parse(&map, text, strlen(text)), strlen(text));
	return map;
}

static void assert_name(const struct jit_map *map, uint64_t address, const char *expected)
{
	uint64_t start;
	const char *name = jit_map__find(map, address, &start);

	if (!expected) {
		assert_null(name);
		return;
	}
	assert_non_null(name);
	assert_string_equal(name, expected);
	assert_true(start <= address);
}

static void test_names_may_have_blanks_and_numbers_a_prefix(void **state)
{
	struct jit_map map = parse("7f00 10 Foo::bar (x y)\n0x8000 0xA0 baz\n");

	assert_name(&map, 0x7f00, "Foo::bar (x y)");
	assert_name(&map, 0x7f0f, "Foo::bar (x y)");
	assert_name(&map, 0x7f10, NULL);
	assert_name(&map, 0x809f, "baz");
	assert_int_equal(map.skipped, 0);
	jit_map__free(&map);
}

static void test_code_written_later_to_the_same_place_wins(void **state)
{
	struct jit_map map = parse("1000 100 old\n1000 80 new\n1040 100 newest\n");

	assert_name(&map, 0x1000, "new");
	assert_name(&map, 0x1050, "newest");
	assert_name(&map, 0x1120, "newest");
	jit_map__free(&map);
}

static void test_malformed_lines_are_skipped_and_counted(void **state)
{
	struct jit_map map = parse("\n \nxyz\n1000\n1000 \n1000 10\n1000 10 \n"
				   "ffffffffffffffff ffff overflow\n1000 0 empty\n"
				   "11111111111111111111 1 long\n-5 10 negative\n2000 10 good\n");

	assert_int_equal(map.skipped, 11);
	assert_int_equal(map.names.size, 1);
	assert_name(&map, 0x2000, "good");
	jit_map__free(&map);
}

static void test_a_half_written_line_waits_for_its_end(void **state)
{
	struct jit_map map;

	jit_map__init(&map, root, getpid(), getuid());
	assert_int_equal(jit_map__refresh(&map), -ENOENT);
	append("1000 10 first\n2000 10 sec");
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name(&map, 0x1000, "first");
	assert_name(&map, 0x2000, NULL);
	append("ond\n");
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name(&map, 0x2000, "second");
	assert_name(&map, 0x1000, "first");
	jit_map__free(&map);
}

static void test_a_map_of_another_user_is_not_believed(void **state)
{
	struct jit_map map;

	if (getuid())
		skip();
	append("1000 10 forged\n");
	assert_int_equal(chown(map_path, 12345, -1), 0);
	jit_map__init(&map, root, getpid(), 1000);
	assert_int_equal(jit_map__refresh(&map), -EPERM);
	assert_int_equal(jit_map__refresh(&map), -EPERM);
	assert_name(&map, 0x1000, NULL);
	jit_map__free(&map);
}

static void test_a_fifo_in_place_of_the_map_does_not_block(void **state)
{
	struct jit_map map;

	assert_int_equal(mkfifo(map_path, 0600), 0);
	jit_map__init(&map, root, getpid(), getuid());
	assert_int_equal(jit_map__refresh(&map), -EPERM);
	jit_map__free(&map);
}

static void test_the_symbolizer_names_jit_code_and_notices_new_code(void **state)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct process_info process;
	struct symbol_frames frames;

	assert_int_equal(process__open(getpid(), &process, NULL), 0);
	append("5000 100 LazyCompile:~f /x.js:1\n");
	symbolizer__watch_jit(s, &process);
	assert_int_equal(symbolizer__resolve_jit(s, getpid(), 0x5020, true, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_string_equal(frames.frames[0].function, "LazyCompile:~f /x.js:1");
	assert_true(frames.frames[0].jit);
	assert_int_equal(frames.frames[0].function_offset, 0x20);
	/* A return address behind the last byte of a function is still in it. */
	symbolizer__resolve_jit(s, getpid(), 0x5100, true, &frames);
	assert_non_null(frames.frames[0].function);
	symbolizer__resolve_jit(s, getpid(), 0x5100, false, &frames);
	assert_null(frames.frames[0].function);
	append("5000 100 f_optimized\n");
	symbolizer__resolve_jit(s, getpid(), 0x5020, true, &frames);
	assert_string_equal(frames.frames[0].function, "f_optimized");
	process__close(&process);
	symbolizer__free(s);
}

/* A child writes its map and exits before anybody asks for a name. */
static void test_the_map_of_a_process_that_has_exited_is_read(void **state)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct process_info process;
	struct symbol_frames frames;
	int go[2];
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], go, 1) < 0);
	}
	assert_int_equal(process__open(pid, &process, NULL), 0);
	symbolizer__watch_jit(s, &process);
	close(go[0]);
	close(go[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", pid);
	append("5000 100 left_behind\n");
	assert_int_equal(symbolizer__resolve_any_jit(s, 0x5020, true, &frames), 0);
	assert_string_equal(frames.frames[0].function, "left_behind");
	process__close(&process);
	symbolizer__free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_may_have_blanks_and_numbers_a_prefix),
		cmocka_unit_test(test_code_written_later_to_the_same_place_wins),
		cmocka_unit_test(test_malformed_lines_are_skipped_and_counted),
		cmocka_unit_test_setup_teardown(
			test_a_half_written_line_waits_for_its_end, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_a_map_of_another_user_is_not_believed, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_a_fifo_in_place_of_the_map_does_not_block, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_the_symbolizer_names_jit_code_and_notices_new_code, set_path,
			remove_map),
		cmocka_unit_test_setup_teardown(
			test_the_map_of_a_process_that_has_exited_is_read, set_path, remove_map),
	};

	return cmocka_run_group_tests(tests, pin_own_root, close_root);
}
