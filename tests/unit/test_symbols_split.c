/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Debug information outside of the program (-gsplit-dwarf), or compressed beyond belief. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/elf_file.h"
#include "symbols/symbolizer.h"

static struct modules *registry;
static char directory[] = "/tmp/memtrace-split-XXXXXX";

static const char source[] = "void sink(int);\n"
			     "static inline __attribute__((always_inline)) void inner(int n)\n"
			     "{\n"
			     "	sink(n);\n"
			     "}\n"
			     "void outer(int n)\n"
			     "{\n"
			     "	inner(n + 1);\n"
			     "	sink(n);\n"
			     "}\n";

static void run(const char *format, ...)
{
	char command[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		fail_msg("%s", command);
}

static int make_directory(void **state)
{
	char path[256];
	FILE *file;

	if (!mkdtemp(directory))
		return -1;
	registry = modules__new();
	snprintf(path, sizeof(path), "%s/split.c", directory);
	file = fopen(path, "w");
	if (!file || fputs(source, file) < 0 || fclose(file))
		return -1;
	return 0;
}

static int remove_directory(void **state)
{
	modules__free(registry);
	run("rm -rf %s", directory);
	return 0;
}

static struct module *compile(const char *name, const char *options)
{
	struct module *module;
	char path[256];
	int fd;

	run("cd %s && gcc -O1 -fPIC %s -c -o %s.o split.c && gcc -shared -nostdlib -o %s.so %s.o",
		directory, options, name, name, name);
	snprintf(path, sizeof(path), "%s/%s.so", directory, name);
	fd = open(path, O_RDONLY);
	module = modules__add_file(registry, fd, path, NULL);
	assert_non_null(module);
	close(fd);
	return module;
}

/* What the module says of the first call in outer(), an inlined one. */
static struct symbol_frames resolve(struct symbolizer *s, struct module *module)
{
	struct elf_wanted wanted = {.name = "outer"};
	struct symbol_frames frames;
	struct elf_file *file;

	assert_int_equal(elf_file__open(module->fd, &file, NULL), 0);
	assert_int_equal(elf_file__find_symbols(file, ELF_ANY_TABLE, &wanted, 1), 1);
	elf_file__close(file);
	for (uint64_t at = wanted.symbol.value + wanted.symbol.size; at-- > wanted.symbol.value;) {
		assert_int_equal(symbolizer__resolve(s, module, at, false, &frames), 0);
		if (frames.count > 1)
			break;
	}
	return frames;
}

static void expect_inlined_frames(const char *name, const char *options)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct symbol_frames frames = resolve(s, compile(name, options));

	assert_int_equal(frames.count, 2);
	assert_string_equal(frames.frames[0].function, "inner");
	assert_int_equal(frames.frames[0].line, 4);
	assert_true(frames.frames[0].inlined);
	assert_string_equal(frames.frames[1].function, "outer");
	assert_int_equal(frames.frames[1].line, 8);
	assert_string_equal(strrchr(frames.frames[1].file, '/'), "/split.c");
	symbolizer__free(s);
}

static void test_split_units_of_version_5_give_inlined_frames(void **state)
{
	expect_inlined_frames("five", "-gdwarf-5 -gsplit-dwarf");
}

static void test_split_units_of_version_4_give_inlined_frames(void **state)
{
	expect_inlined_frames("four", "-gdwarf-4 -gsplit-dwarf");
}

static void test_compressed_sections_give_inlined_frames(void **state)
{
	expect_inlined_frames("compressed", "-g -gz");
}

/* Whoever may truncate a file that libdw has mapped can end its reader. */
static void test_a_split_unit_that_others_may_write_is_not_used(void **state)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct module *module = compile("open", "-g -gsplit-dwarf");
	struct symbol_frames frames;

	run("chmod 666 %s/open.dwo", directory);
	frames = resolve(s, module);
	assert_int_equal(frames.count, 1);
	assert_string_equal(frames.frames[0].function, "outer");
	symbolizer__free(s);
}

static void test_a_split_unit_that_is_a_fifo_does_not_block(void **state)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct module *module = compile("fifo", "-g -gsplit-dwarf");
	struct symbol_frames frames;

	run("cd %s && rm fifo.dwo && mkfifo fifo.dwo", directory);
	frames = resolve(s, module);
	assert_int_equal(frames.count, 1);
	symbolizer__free(s);
}

/* 200 MB of zeros in 200 kB: the file is done without its debug information. */
static void test_a_section_that_unpacks_to_absurd_size_is_refused(void **state)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct symbol_frames frames;
	struct module *module;
	char path[256];
	int fd;

	compile("bomb", "-g");
	run("cd %s && truncate -s 200M zeros && objcopy --add-section .debug_loc=zeros bomb.so "
	    "big.so "
	    "&& objcopy --compress-debug-sections=zlib big.so bomb.so && rm zeros big.so",
		directory);
	snprintf(path, sizeof(path), "%s/bomb.so", directory);
	fd = open(path, O_RDONLY);
	module = modules__add_file(registry, fd, path, NULL);
	close(fd);
	frames = resolve(s, module);
	assert_int_equal(frames.count, 1);
	assert_string_equal(frames.frames[0].function, "outer");
	symbolizer__free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_units_of_version_5_give_inlined_frames),
		cmocka_unit_test(test_split_units_of_version_4_give_inlined_frames),
		cmocka_unit_test(test_compressed_sections_give_inlined_frames),
		cmocka_unit_test(test_a_split_unit_that_others_may_write_is_not_used),
		cmocka_unit_test(test_a_split_unit_that_is_a_fifo_does_not_block),
		cmocka_unit_test(test_a_section_that_unpacks_to_absurd_size_is_refused),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
