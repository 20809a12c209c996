/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Files that are cut short, and written again, while they are read: never a SIGBUS. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "probe/plan.h"
#include "process/elf_file.h"
#include "symbols/symbolizer.h"
#include "unwind/table.h"

#define READING_NS 400000000ull

/* A copy of this test program, symbols and debug information included. */
struct changing_file {
	int fd;
	char *content;
	size_t size;
	bool stop;
	pthread_t writer;
};

static void *keep_changing(void *argument)
{
	struct changing_file *file = argument;

	for (unsigned int i = 1; !__atomic_load_n(&file->stop, __ATOMIC_RELAXED); i++) {
		assert_int_equal(ftruncate(file->fd, file->size / 16 * (i % 16)), 0);
		usleep(100);
		assert_int_equal(
			pwrite(file->fd, file->content, file->size, 0), (ssize_t)file->size);
		usleep(i % 4 * 200);
	}
	return NULL;
}

static int begin_changing(void **state)
{
	struct changing_file *file = calloc(1, sizeof(*file));
	int self = open("/proc/self/exe", O_RDONLY);
	struct stat status;

	fstat(self, &status);
	file->size = status.st_size;
	file->content = malloc(file->size);
	if (pread(self, file->content, file->size, 0) != (ssize_t)file->size)
		return -1;
	close(self);
	file->fd = memfd_create("changing", MFD_CLOEXEC);
	if (pwrite(file->fd, file->content, file->size, 0) != (ssize_t)file->size)
		return -1;
	*state = file;
	return pthread_create(&file->writer, NULL, keep_changing, file);
}

static int end_changing(void **state)
{
	struct changing_file *file = *state;

	__atomic_store_n(&file->stop, true, __ATOMIC_RELAXED);
	pthread_join(file->writer, NULL);
	close(file->fd);
	free(file->content);
	free(file);
	return 0;
}

/* Calls @read over and over; at least one of them must have had a whole file. */
static void read_for_a_while(struct changing_file *file, bool (*read)(int fd))
{
	uint64_t end = clock__now_ns() + READING_NS;
	int whole = 0, cut = 0;

	while (clock__now_ns() < end || !whole) {
		if (read(file->fd))
			whole++;
		else
			cut++;
	}
	print_message("%d times whole, %d times cut short\n", whole, cut);
}

static bool read_plan(int fd)
{
	struct plan_options options = {.is_executable = true};
	struct probe_plan plan;
	bool whole = plan__make(&plan, fd, &options, NULL) == 0;

	plan__free(&plan);
	return whole;
}

static void test_probes_are_planned_on_a_file_that_shrinks(void **state)
{
	read_for_a_while(*state, read_plan);
}

static bool read_unwind_table(int fd)
{
	struct unwind_table *table;

	if (unwind_table__build(fd, &table, NULL))
		return false;
	unwind_table__free(table);
	return true;
}

static void test_unwind_tables_are_built_from_a_file_that_shrinks(void **state)
{
	read_for_a_while(*state, read_unwind_table);
}

static bool read_names(int fd)
{
	struct modules *modules = modules__new();
	struct module *module = modules__add_file(modules, fd, "/changing", NULL);
	struct symbolizer *symbolizer = symbolizer__new(NULL);
	struct symbol_frames frames;
	bool whole = module;

	for (uint64_t i = 0; module && i < 64; i++) {
		uint64_t span = module->text_end - module->text_start;

		symbolizer__resolve(
			symbolizer, module, module->text_start + span / 64 * i, false, &frames);
	}
	symbolizer__free(symbolizer);
	modules__free(modules);
	return whole;
}

static void test_names_are_read_from_a_file_that_shrinks(void **state)
{
	read_for_a_while(*state, read_names);
}

static void test_what_was_read_once_does_not_change(void **state)
{
	int fd = memfd_create("changing", MFD_CLOEXEC), self = open("/proc/self/exe", O_RDONLY);
	char content[65536], first[256];
	struct elf_file *file;
	const void *bytes;

	assert_int_equal(pread(self, content, sizeof(content), 0), sizeof(content));
	assert_int_equal(write(fd, content, sizeof(content)), sizeof(content));
	assert_int_equal(elf_file__open(fd, &file, NULL), 0);
	bytes = elf_file__bytes(file, 100, sizeof(first));
	memcpy(first, bytes, sizeof(first));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_ptr_equal(elf_file__bytes(file, 100, sizeof(first)), bytes);
	assert_memory_equal(bytes, first, sizeof(first));
	/* What was not read is gone, and stays so. */
	assert_null(elf_file__bytes(file, 40000, 16));
	assert_int_equal(pwrite(fd, content, 30000, 0), 30000);
	assert_null(elf_file__bytes(file, 40000, 16));
	elf_file__close(file);
	close(self);
	close(fd);
}

static void test_no_more_is_read_than_is_allowed(void **state)
{
	int self = open("/proc/self/exe", O_RDONLY);
	struct elf_file *file;

	assert_int_equal(elf_file__open(self, &file, NULL), 0);
	assert_true(elf_file__read_bytes(file) <= 32768);
	elf_file__set_limit(file, 65536);
	assert_non_null(elf_file__bytes(file, 100000, 20000));
	assert_null(elf_file__bytes(file, 200000, 100000));
	assert_true(elf_file__was_limited(file));
	assert_non_null(elf_file__bytes(file, 100000, 20000));
	elf_file__set_limit(file, ELF_FILE_MAX_COPY);
	assert_non_null(elf_file__bytes(file, 200000, 100000));
	elf_file__close(file);
	close(self);
}

static void test_a_file_of_an_absurd_size_takes_no_memory(void **state)
{
	int fd = memfd_create("sparse", MFD_CLOEXEC), self = open("/proc/self/exe", O_RDONLY);
	struct elf_file *file;
	char start[4096];

	assert_int_equal(pread(self, start, sizeof(start), 0), sizeof(start));
	assert_int_equal(write(fd, start, sizeof(start)), sizeof(start));
	assert_int_equal(ftruncate(fd, 1ull << 38), 0);
	assert_int_equal(elf_file__open(fd, &file, NULL), 0);
	assert_true(elf_file__read_bytes(file) <= 32768);
	assert_null(elf_file__bytes(file, 0, 1ull << 38));
	elf_file__close(file);
	assert_int_equal(ftruncate(fd, 1ull << 42), 0);
	assert_int_equal(elf_file__open(fd, &file, NULL), -EFBIG);
	close(self);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_probes_are_planned_on_a_file_that_shrinks,
			begin_changing, end_changing),
		cmocka_unit_test_setup_teardown(
			test_unwind_tables_are_built_from_a_file_that_shrinks, begin_changing,
			end_changing),
		cmocka_unit_test_setup_teardown(
			test_names_are_read_from_a_file_that_shrinks, begin_changing, end_changing),
		cmocka_unit_test(test_what_was_read_once_does_not_change),
		cmocka_unit_test(test_no_more_is_read_than_is_allowed),
		cmocka_unit_test(test_a_file_of_an_absurd_size_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
