/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Names of JIT code out of perf-PID.map files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "symbols/jit_map.h"
#include "symbols/symbolizer.h"

/* Number of a process image. */
#define IMAGE 7

static const struct jit_place now = {.process = IMAGE, .limit = UINT64_MAX};

static char map_path[64];
static int directory;

static int open_directory(void **state)
{
	directory = open("/tmp", O_PATH | O_CLOEXEC);
	return directory < 0;
}

static int close_directory(void **state)
{
	return close(directory);
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

	jit_map__init(&map, directory, getpid(), getuid(), NULL);
	assert_int_equal(jit_map__parse(&map, text, strlen(text)), strlen(text));
	return map;
}

static void assert_name(struct jit_map *map, uint64_t address, const char *expected)
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

	jit_map__init(&map, directory, getpid(), getuid(), NULL);
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

static void assert_name_at(
	struct jit_map *map, uint64_t address, struct jit_place place, const char *expected)
{
	uint64_t start;
	const char *name = jit_map__find_at(map, address, &place, &start);

	assert_string_equal(name ? name : "(none)", expected);
}

/* Lines of 12 bytes each. */
static void test_a_name_is_that_of_its_time(void **state)
{
	struct jit_map map = parse("1000 80 old\n1000 40 new\n2000 80 any\n1000 80 end\n");
	struct jit_place place = {.limit = 12};

	assert_name_at(&map, 0x1000, place, "old");
	place.limit = 24;
	assert_name_at(&map, 0x1000, place, "new");
	assert_name_at(&map, 0x1050, place, "old");
	place.limit = UINT64_MAX;
	assert_name_at(&map, 0x1050, place, "end");
	assert_name_at(&map, 0x3000, place, "(none)");
	place.floor = 37;
	assert_name_at(&map, 0x1000, place, "(none)");
	place.floor = 36;
	assert_name_at(&map, 0x1000, place, "end");
	jit_map__free(&map);
}

static void test_code_that_ran_before_its_name_was_written_is_named(void **state)
{
	struct jit_map map = parse("1000 80 old\n1000 80 new\n");
	struct jit_place place = {.floor = 12, .limit = 12};

	assert_name_at(&map, 0x1000, place, "(none)");
	place.may_be_later = true;
	assert_name_at(&map, 0x1000, place, "new");
	jit_map__free(&map);
}

static struct code_change log_entries[CODE_LOG_SIZE];
static uint32_t log_newest, log_epochs[CODE_EPOCHS];

/* A line behind @before bytes of names, in a file that begins behind @base. */
static void write_change(uint64_t before, uint64_t base)
{
	struct stat status;

	assert_int_equal(stat(map_path, &status), 0);
	log_entries[++log_newest % CODE_LOG_SIZE] = (struct code_change){
		.number = log_newest,
		.process = IMAGE,
		.start = 0x1000,
		.end = 0x1080,
		.inode = status.st_ino,
		.page = before,
		.into = base,
		.flags = CODE_NAMED | CODE_RENAMED,
	};
}

static void test_a_file_that_begins_anew_goes_on_in_time(void **state)
{
	struct code_log log = {log_entries, &log_newest, log_epochs, NULL, log_newest};
	struct spaces *spaces = spaces__new(NULL);
	struct jit_place first = {.limit = 12}, second = {.floor = 12, .limit = 24};
	struct jit_place third = {.floor = 24, .limit = UINT64_MAX};
	struct jit_map map;

	spaces__read_log(spaces, &log);
	jit_map__init(&map, directory, getpid(), getuid(), NULL);
	map.spaces = spaces;
	map.image = IMAGE;
	append("1000 80 old\n");
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_int_equal(truncate(map_path, 0), 0);
	append("1000 80 new\n");
	write_change(12, 12);
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name_at(&map, 0x1000, first, "old");
	assert_name_at(&map, 0x1000, second, "new");
	unlink(map_path);
	append("1000 80 end\n");
	write_change(24, 24);
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name_at(&map, 0x1000, second, "new");
	assert_name_at(&map, 0x1000, third, "end");
	unlink(map_path);
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_int_equal(map.names.size, 3);
	jit_map__free(&map);
	spaces__free(spaces);
}

/* Of three files the second is gone before it is read. */
static void test_names_that_were_missed_are_not_replaced_by_others(void **state)
{
	struct code_log log = {log_entries, &log_newest, log_epochs, NULL, log_newest};
	struct spaces *spaces = spaces__new(NULL);
	struct jit_place first = {.limit = 12, .may_be_later = true};
	struct jit_place missed = {.floor = 12, .limit = 24, .may_be_later = true};
	struct jit_place third = {.floor = 24, .limit = UINT64_MAX};
	struct jit_map map;

	spaces__read_log(spaces, &log);
	jit_map__init(&map, directory, getpid(), getuid(), NULL);
	map.spaces = spaces;
	map.image = IMAGE;
	append("1000 80 old\n");
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_int_equal(truncate(map_path, 0), 0);
	append("1000 80 end\n");
	write_change(24, 24);
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name_at(&map, 0x1000, first, "old");
	assert_name_at(&map, 0x1000, missed, "(none)");
	assert_name_at(&map, 0x1000, third, "end");
	jit_map__free(&map);
	spaces__free(spaces);
}

static void test_what_an_earlier_process_left_behind_names_nothing(void **state)
{
	struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct jit_map map;

	append("1000 80 stale\n");
	assert_int_equal(utimensat(AT_FDCWD, map_path, long_ago, 0), 0);
	jit_map__init(&map, directory, getpid(), getuid(), NULL);
	jit_map__skip_stale(&map, clock__now_ns());
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name(&map, 0x1000, NULL);
	assert_int_equal(truncate(map_path, 0), 0);
	append("1000 80 own\n");
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name(&map, 0x1000, "own");
	jit_map__free(&map);
}

static void test_a_map_of_another_user_is_not_believed(void **state)
{
	struct jit_map map;

	if (getuid())
		skip();
	append("1000 10 forged\n");
	assert_int_equal(chown(map_path, 12345, -1), 0);
	jit_map__init(&map, directory, getpid(), 1000, NULL);
	assert_int_equal(jit_map__refresh(&map), -EPERM);
	assert_int_equal(jit_map__refresh(&map), -EPERM);
	assert_name(&map, 0x1000, NULL);
	jit_map__free(&map);
}

static void test_a_fifo_in_place_of_the_map_does_not_block(void **state)
{
	struct jit_map map;

	assert_int_equal(mkfifo(map_path, 0600), 0);
	jit_map__init(&map, directory, getpid(), getuid(), NULL);
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
	symbolizer__watch_jit(s, &process, IMAGE, 0);
	assert_int_equal(symbolizer__resolve_jit(s, &now, 0x5020, &frames), 0);
	assert_int_equal(frames.count, 1);
	assert_string_equal(frames.frames[0].function, "LazyCompile:~f /x.js:1");
	assert_true(frames.frames[0].jit);
	assert_int_equal(frames.frames[0].function_offset, 0x20);
	/* A return address behind the last byte of a function is still in it. */
	symbolizer__resolve_jit(s, &now, 0x5100, &frames);
	assert_non_null(frames.frames[0].function);
	symbolizer__resolve_jit(s, &now, 0x5101, &frames);
	assert_null(frames.frames[0].function);
	append("5000 100 f_optimized\n");
	symbolizer__resolve_jit(s, &now, 0x5020, &frames);
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
	symbolizer__watch_jit(s, &process, IMAGE, 0);
	close(go[0]);
	close(go[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", pid);
	append("5000 100 left_behind\n");
	assert_int_equal(symbolizer__resolve_any_jit(s, 0x5020, &frames), 0);
	assert_string_equal(frames.frames[0].function, "left_behind");
	process__close(&process);
	symbolizer__free(s);
}

/* Functions of 16 bytes one after the other, in a file of @bytes. */
static void write_large_map(size_t bytes)
{
	FILE *file = fopen(map_path, "w");

	assert_non_null(file);
	for (uint64_t at = 0x100000, written = 0; written < bytes; at += 0x10)
		written += fprintf(file, "%" PRIx64 " 10 f%" PRIx64 "\n", at, at);
	fclose(file);
}

/* The first half of the budget is for JIT code, over all maps; the rest stays for files' symbols.
 */
static void test_maps_of_all_processes_share_a_bound(void **state)
{
	struct symbol_budget budget;
	struct jit_map first, second;

	budget__init(&budget);
	budget.jit_bytes_left = 1 << 20;
	budget__begin(&budget);
	write_large_map(1 << 20);
	jit_map__init(&first, directory, getpid(), getuid(), &budget);
	jit_map__init(&second, directory, getpid(), getuid(), &budget);
	assert_int_equal(jit_map__refresh(&first), -E2BIG);
	assert_true(first.taken <= 1 << 20);
	assert_true(first.names.size > 4096);
	assert_name(&first, 0x100000, "f100000");
	assert_int_equal(jit_map__refresh(&first), -EPERM);
	assert_int_equal(jit_map__refresh(&second), -E2BIG);
	assert_int_equal(second.names.size, 0);
	jit_map__free(&first);
	jit_map__free(&second);
	assert_int_equal(budget.jit_bytes_left, 1 << 20);
	assert_int_equal(budget.bytes_left, SYMBOL_BUDGET_BYTES);
}

static void test_without_time_a_map_waits(void **state)
{
	struct symbol_budget budget;
	struct jit_map map;

	budget__init(&budget);
	budget.ns_left /= SYMBOL_BUDGET_JIT_SHARE;
	budget__begin(&budget);
	append("1000 10 late\n");
	jit_map__init(&map, directory, getpid(), getuid(), &budget);
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name(&map, 0x1000, NULL);
	budget__init(&budget);
	budget__begin(&budget);
	assert_int_equal(jit_map__refresh(&map), 0);
	assert_name(&map, 0x1000, "late");
	jit_map__free(&map);
}

/* In a process of its own, whose time and memory are looked at: with 250 MB, bound as documented.
 */
static void test_a_map_of_hostile_size_takes_little_time_and_memory(void **state)
{
	struct rusage usage;
	int status;
	pid_t pid;

	write_large_map(64u << 20);
	pid = fork();
	if (!pid) {
		struct symbolizer *s = symbolizer__new(NULL);
		struct process_info process;
		struct symbol_frames frames;
		int err = process__open(getppid(), &process, NULL);

		if (!err)
			symbolizer__watch_jit(s, &process, IMAGE, 0);
		for (int i = 0; !err && i < 100; i++)
			err = symbolizer__resolve_any_jit(s, 0x100005, &frames);
		_exit(err || !frames.frames[0].function);
	}
	assert_int_equal(wait4(pid, &status, 0, &usage), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	print_message("%ld.%02ld s, %ld MiB\n", usage.ru_utime.tv_sec,
		usage.ru_utime.tv_usec / 10000, usage.ru_maxrss / 1024);
	assert_true(usage.ru_utime.tv_sec < 4);
	assert_true(usage.ru_maxrss / 1024 < 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_may_have_blanks_and_numbers_a_prefix),
		cmocka_unit_test(test_code_written_later_to_the_same_place_wins),
		cmocka_unit_test(test_malformed_lines_are_skipped_and_counted),
		cmocka_unit_test_setup_teardown(
			test_a_half_written_line_waits_for_its_end, set_path, remove_map),
		cmocka_unit_test(test_a_name_is_that_of_its_time),
		cmocka_unit_test(test_code_that_ran_before_its_name_was_written_is_named),
		cmocka_unit_test_setup_teardown(
			test_a_file_that_begins_anew_goes_on_in_time, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_names_that_were_missed_are_not_replaced_by_others, set_path,
			remove_map),
		cmocka_unit_test_setup_teardown(
			test_what_an_earlier_process_left_behind_names_nothing, set_path,
			remove_map),
		cmocka_unit_test_setup_teardown(
			test_a_map_of_another_user_is_not_believed, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_a_fifo_in_place_of_the_map_does_not_block, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_the_symbolizer_names_jit_code_and_notices_new_code, set_path,
			remove_map),
		cmocka_unit_test_setup_teardown(
			test_the_map_of_a_process_that_has_exited_is_read, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_maps_of_all_processes_share_a_bound, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_without_time_a_map_waits, set_path, remove_map),
		cmocka_unit_test_setup_teardown(
			test_a_map_of_hostile_size_takes_little_time_and_memory, set_path,
			remove_map),
	};

	return cmocka_run_group_tests(tests, open_directory, close_directory);
}
