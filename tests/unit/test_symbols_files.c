/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where names come from when a file is stripped: copies of this very program, made with binutils,
 * that have lost them in all the usual ways. Also the vDSO and PLT stubs.
 */
#include <fcntl.h>
#include <lzma.h>
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

#include "process/elf_plt.h"
#include "symbols/symbolizer.h"

static struct modules *registry;
static char directory[] = "/tmp/memtrace-files-XXXXXX";
static uint64_t address; /* ELF address inside find_me */

__attribute__((noinline, noclone)) static int find_me(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n * 3;
}

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

static struct module *open_module(const char *name)
{
	struct module *module;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY);
	module = modules__add_file(registry, fd, path, NULL);
	assert_non_null(module);
	close(fd);
	return module;
}

/* "full" is this program; "stripped" the same without symbols; "debug" what was taken away. */
static int make_files(void **state)
{
	struct elf_wanted wanted = {.name = "find_me"};
	struct elf_file *file;
	char self[256];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fd;

	if (length < 0 || !mkdtemp(directory))
		return -1;
	self[length] = '\0';
	registry = modules__new();
	run("cd %s && cp %s full && objcopy --only-keep-debug full debug && strip -o stripped full",
		directory, self);
	fd = open(self, O_RDONLY);
	if (elf_file__open(fd, &file, NULL) ||
		elf_file__find_symbols(file, ELF_SYMTAB, &wanted, 1) != 1)
		return -1;
	address = wanted.symbol.value + 1;
	elf_file__close(file);
	close(fd);
	return find_me(0);
}

static int remove_files(void **state)
{
	modules__free(registry);
	run("rm -rf %s", directory);
	return 0;
}

static struct symbol_frame resolve(struct symbolizer *s, const char *name)
{
	struct symbol_frames answer;

	assert_int_equal(symbolizer__resolve(s, open_module(name), address, false, &answer), 0);
	return answer.frames[answer.count - 1];
}

/* Resolves find_me in file @name with a new symbolizer that searches @debug_dir. */
static void assert_found(const char *name, const char *debug_dir, bool function, bool line)
{
	struct symbolizer_options options = {
		.debug_dirs = &debug_dir, .debug_dir_count = debug_dir ? 1 : 0};
	struct symbolizer *s = symbolizer__new(&options);
	struct symbol_frame frame = resolve(s, name);

	if (function) {
		assert_non_null(frame.function);
		assert_string_equal(frame.function, "find_me");
		assert_int_equal(frame.function_offset, 1);
	} else {
		assert_null(frame.function);
	}
	assert_int_equal(frame.line != 0, line);
	if (line)
		assert_non_null(strstr(frame.file, "test_symbols_files.c"));
	symbolizer__free(s);
}

static void test_a_file_with_everything_gives_name_and_line(void **state)
{
	assert_found("full", NULL, true, true);
}

static void test_a_stripped_file_gives_no_name_rather_than_a_wrong_one(void **state)
{
	assert_found("stripped", NULL, false, false);
}

static void test_without_lines_the_symbol_table_is_enough(void **state)
{
	struct symbolizer_options options = {.no_lines = true};
	struct symbolizer *s = symbolizer__new(&options);
	struct symbol_frame frame = resolve(s, "full");

	assert_string_equal(frame.function, "find_me");
	assert_null(frame.file);
	symbolizer__free(s);
}

static void test_a_debug_file_is_found_by_build_id(void **state)
{
	const char *id = open_module("stripped")->build_id.hex;
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/ids", directory);
	run("mkdir -p %s/.build-id/%.2s && cp %s/debug %s/.build-id/%.2s/%s.debug", dir, id,
		directory, dir, id, id + 2);
	assert_found("stripped", dir, true, true);
}

static void test_a_debug_file_with_another_build_id_is_not_used(void **state)
{
	const char *id = open_module("stripped")->build_id.hex;
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/wrong", directory);
	run("mkdir -p %s/.build-id/%.2s && "
	    "objcopy --only-keep-debug /proc/%d/exe %s/.build-id/%.2s/%s.debug && "
	    "objcopy --remove-section .note.gnu.build-id %s/.build-id/%.2s/%s.debug",
		dir, id, getpid(), dir, id, id + 2, dir, id, id + 2);
	assert_found("stripped", dir, false, false);
}

static void test_a_debug_link_is_followed_where_its_crc_is_right(void **state)
{
	run("cd %s && mkdir -p .debug && cp debug .debug/linked.debug && "
	    "objcopy --remove-section .note.gnu.build-id "
	    "--add-gnu-debuglink=.debug/linked.debug stripped linked",
		directory);
	assert_found("linked", NULL, true, true);
	run("cd %s && printf x >>.debug/linked.debug", directory);
	assert_found("linked", NULL, false, false);
}

static void test_a_debug_link_is_followed_below_the_debug_directory(void **state)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/global", directory);
	run("mkdir -p %s%s && cp %s/debug %s%s/global.debug && cd %s && "
	    "objcopy --remove-section .note.gnu.build-id "
	    "--add-gnu-debuglink=%s%s/global.debug stripped globally",
		dir, directory, directory, dir, directory, directory, dir, directory);
	assert_found("globally", dir, true, true);
}

/* Compresses DIRECTORY/mini into DIRECTORY/mini.xz. */
static void compress_mini(void)
{
	char path[256];
	struct stat status;
	uint8_t *in, *out;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/mini", directory);
	file = fopen(path, "r");
	assert_int_equal(fstat(fileno(file), &status), 0);
	in = malloc(status.st_size);
	out = malloc(status.st_size + 4096);
	assert_int_equal(fread(in, 1, status.st_size, file), status.st_size);
	fclose(file);
	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, in, status.st_size, out,
				 &size, status.st_size + 4096),
		LZMA_OK);
	snprintf(path, sizeof(path), "%s/mini.xz", directory);
	file = fopen(path, "w");
	assert_int_equal(fwrite(out, 1, size, file), size);
	fclose(file);
	free(in);
	free(out);
}

static void test_minidebuginfo_gives_the_names_that_the_loader_does_not_need(void **state)
{
	run("cd %s && objcopy --strip-debug full mini", directory);
	compress_mini();
	run("cd %s && objcopy --add-section .gnu_debugdata=mini.xz stripped fedora && "
	    "head -c 5000 mini.xz >cut.xz && "
	    "objcopy --add-section .gnu_debugdata=cut.xz stripped corrupt",
		directory);
	assert_found("fedora", NULL, true, false);
	assert_found("corrupt", NULL, false, false);
}

/* What dwz moved to a common file is found there by its build ID; without it nothing is guessed. */
static void test_a_supplementary_file_of_dwz_is_read(void **state)
{
	if (system("command -v dwz >/dev/null"))
		skip();
	run("cd %s && cp full shared1 && cp full shared2 && "
	    "dwz -m common.debug -M %s/common.debug shared1 shared2",
		directory, directory);
	assert_found("shared1", NULL, true, true);
	run("cd %s && mkdir -p moved/.dwz && mv common.debug moved/.dwz && cp shared1 orphan",
		directory);
	assert_found("orphan", NULL, true, false);
}

static void test_compressed_debug_sections_are_read(void **state)
{
	run("cd %s && objcopy --compress-debug-sections=zlib full compressed", directory);
	assert_found("compressed", NULL, true, true);
}

/* A stand-in for debuginfod-find that gives @file whatever is asked for. */
static void put_into_path(const char *file)
{
	char path[8192];

	run("mkdir -p %s/bin && printf '#!/bin/sh\\n[ \"$1\" = debuginfo ] && echo %s/%s\\n' "
	    ">%s/bin/debuginfod-find && chmod +x %s/bin/debuginfod-find",
		directory, directory, file, directory, directory);
	snprintf(path, sizeof(path), "%s/bin:/usr/bin:/bin", directory);
	setenv("PATH", path, 1);
	setenv("DEBUGINFOD_URLS", "http://localhost:1", 1);
}

static void test_debuginfod_is_asked_only_when_told_to_and_checked(void **state)
{
	struct symbolizer_options options = {.debuginfod = true};
	struct symbolizer *s = symbolizer__new(&options);

	put_into_path("debug");
	assert_found("stripped", NULL, false, false);
	assert_string_equal(resolve(s, "stripped").function, "find_me");
	symbolizer__free(s);
	put_into_path("another");
	run("cd %s && objcopy --remove-section .note.gnu.build-id debug another", directory);
	s = symbolizer__new(&options);
	assert_null(resolve(s, "stripped").function);
	unsetenv("DEBUGINFOD_URLS");
	symbolizer__free(s);
}

static void test_a_plt_stub_is_named_after_its_target(void **state)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct module *module = open_module("stripped");
	elf_plt_entries stubs = {0};
	struct symbol_frames answer;
	struct elf_file *file;
	bool seen = false;

	assert_int_equal(elf_file__open(module->fd, &file, NULL), 0);
	assert_int_equal(elf_file__plt(file, &stubs), 0);
	vec_for_each (stub, &stubs) {
		if (!stub->name || strcmp(stub->name, "mkdtemp") != 0)
			continue;
		symbolizer__resolve(s, module, stub->address + 2, false, &answer);
		assert_string_equal(answer.frames[0].function, "mkdtemp@plt");
		seen = true;
	}
	assert_true(seen);
	vec_free(&stubs);
	elf_file__close(file);
	symbolizer__free(s);
}

static void test_functions_of_the_vdso_have_names(void **state)
{
	struct symbolizer *s = symbolizer__new(NULL);
	struct module *vdso = NULL;
	struct elf_wanted wanted = {.name = "__vdso_clock_gettime"};
	struct symbol_frames answer;
	struct elf_file *file;
	struct maps maps;

	assert_int_equal(maps__read(getpid(), &maps, NULL), 0);
	for (size_t i = 0; i < maps.size; i++)
		if (mapping__is_vdso(&maps.data[i]))
			vdso = modules__get(registry, getpid(), &maps.data[i], NULL);
	maps__free(&maps);
	if (!vdso)
		skip();
	assert_int_equal(elf_file__open(vdso->fd, &file, NULL), 0);
	if (elf_file__find_symbols(file, ELF_DYNSYM, &wanted, 1) == 1) {
		symbolizer__resolve(s, vdso, wanted.symbol.value + 1, false, &answer);
		assert_non_null(answer.frames[0].function);
		assert_non_null(strstr(answer.frames[0].function, "clock_gettime"));
	}
	elf_file__close(file);
	symbolizer__free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_with_everything_gives_name_and_line),
		cmocka_unit_test(test_a_stripped_file_gives_no_name_rather_than_a_wrong_one),
		cmocka_unit_test(test_without_lines_the_symbol_table_is_enough),
		cmocka_unit_test(test_a_debug_file_is_found_by_build_id),
		cmocka_unit_test(test_a_debug_file_with_another_build_id_is_not_used),
		cmocka_unit_test(test_a_debug_link_is_followed_where_its_crc_is_right),
		cmocka_unit_test(test_a_debug_link_is_followed_below_the_debug_directory),
		cmocka_unit_test(test_minidebuginfo_gives_the_names_that_the_loader_does_not_need),
		cmocka_unit_test(test_a_supplementary_file_of_dwz_is_read),
		cmocka_unit_test(test_compressed_debug_sections_are_read),
		cmocka_unit_test(test_debuginfod_is_asked_only_when_told_to_and_checked),
		cmocka_unit_test(test_a_plt_stub_is_named_after_its_target),
		cmocka_unit_test(test_functions_of_the_vdso_have_names),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
