/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Names, lines and inlined frames; binutils' addr2line is the oracle. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "process/elf_file.h"
#include "symbols/symbolizer.h"

static struct modules *registry;

static int make_registry(void **state)
{
	registry = modules__new();
	return registry ? 0 : -1;
}

static int free_registry(void **state)
{
	modules__free(registry);
	return 0;
}

static struct module *open_module(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct module *module = modules__add_file(registry, fd, path, NULL);

	assert_non_null(module);
	close(fd);
	return module;
}

static void get_own_path(char path[256])
{
	ssize_t length = readlink("/proc/self/exe", path, 255);

	assert_true(length > 0);
	path[length] = '\0';
}

typedef VEC(uint64_t) addresses;

static uint64_t address_salt; /* another one picks other addresses */

/*
 * The constructors that AddressSanitizer adds. GCC leaves them out of the ranges of their unit
 * where it has no other code outside of .text; addr2line goes by the table of lines alone.
 */
static bool is_of_sanitizer(const char *name)
{
	return !strncmp(name, "_sub_I_", 7) || !strncmp(name, "_sub_D_", 7);
}

static bool add_function(void *context, const struct elf_symbol *symbol)
{
	addresses *all = context;
	uint64_t random = hash_mix(all->size + (address_salt << 32));

	if (symbol->type == STT_FUNC && symbol->size > 4 && symbol->defined &&
		!is_of_sanitizer(symbol->name))
		assert_int_equal(vec_push(all, symbol->value + random % symbol->size), 0);
	return true;
}

/* Addresses inside functions of the file's symbol table, one of each, every @step-th function. */
static void pick_addresses(const char *path, size_t wanted, addresses *out)
{
	int fd = open(path, O_RDONLY);
	struct elf_file *file;
	addresses all = {0};
	size_t step;

	assert_int_equal(elf_file__open(fd, &file, NULL), 0);
	elf_file__each_symbol(file, ELF_SYMTAB, add_function, &all);
	assert_true(all.size > 0);
	step = all.size / wanted + 1;
	for (size_t i = 0; i < all.size; i += step)
		assert_int_equal(vec_push(out, all.data[i]), 0);
	vec_free(&all);
	elf_file__close(file);
	close(fd);
}

/* One answer as `addr2line -a -i -f -C` prints it, without directories. */
static void print_answer(FILE *to, struct symbolizer *s, struct module *module, uint64_t address)
{
	struct symbol_frames answer;

	assert_int_equal(symbolizer__resolve(s, module, address, false, &answer), 0);
	fprintf(to, "0x%llx\n", (unsigned long long)address);
	for (size_t i = 0; i < answer.count; i++) {
		const struct symbol_frame *f = &answer.frames[i];
		const char *base = f->file ? strrchr(f->file, '/') : NULL;

		/* Where there is no line the oracle makes do with the name of an object file. */
		fprintf(to, "%s\n%s:%u\n", f->function ? f->function : "??",
			!f->line ? "??"
			: base	 ? base + 1
				 : f->file,
			f->line);
	}
}

/* Writes our answers and addr2line's to two files and counts the lines that differ. */
static void compare_with_addr2line(
	const char *oracle, const char *path, size_t wanted, double allowed_share)
{
	char ours[] = "/tmp/memtrace-ours-XXXXXX", list[] = "/tmp/memtrace-list-XXXXXX";
	/* Demanglers differ in style. */
	struct symbolizer_options options = {.no_demangle = !strstr(oracle, "-C")};
	struct symbolizer *s = symbolizer__new(&options);
	struct module *module = open_module(path);
	FILE *our_file = fdopen(mkstemp(ours), "w"), *list_file = fdopen(mkstemp(list), "w");
	addresses picked = {0};
	char command[1024], output[64] = "";
	long differing = -1;
	FILE *diff;

	pick_addresses(path, wanted, &picked);
	vec_for_each (address, &picked) {
		print_answer(our_file, s, module, *address);
		fprintf(list_file, "%llx\n", (unsigned long long)*address);
	}
	fclose(our_file);
	fclose(list_file);
	snprintf(command, sizeof(command),
		"%s -a -i -f -e %s <%s | sed -E 's|^0x0+|0x|; s|^.*/([^/]*:[0-9?]+)|\\1|; "
		"s| \\(discriminator [0-9]+\\)||; s/\\.localalias$//; s/^.*:[0?]$/??:0/' "
		">%s.theirs; "
		"diff %s %s.theirs | grep -c '^<'",
		oracle, path, list, ours, ours, ours);
	diff = popen(command, "r");
	if (fgets(output, sizeof(output), diff))
		differing = atol(output);
	pclose(diff);
	print_message("%s: %zu addresses, %ld lines differ\n", path, picked.size, differing);
	snprintf(command, sizeof(command), "rm -f %s %s %s.theirs", ours, list, ours);
	if (!getenv("MEMTRACE_ORACLE_KEEP"))
		assert_int_equal(system(command), 0);
	assert_true(differing >= 0);
	assert_true(differing <= picked.size * allowed_share);
	vec_free(&picked);
	symbolizer__free(s);
}

static void test_own_functions_have_the_names_lines_and_inlines_of_addr2line(void **state)
{
	char path[256];

	get_own_path(path);
	compare_with_addr2line("addr2line -C", path, 2000, 0);
}

static const char source[] = "extern int called(int);\n"
			     "static inline int twice(int n)\n"
			     "{\n"
			     "	return called(n) +\n"
			     "		called(n + 1);\n"
			     "}\n"
			     "static inline __attribute__((always_inline)) int four(int n)\n"
			     "{\n"
			     "	return twice(n) * twice(n + 2);\n"
			     "}\n"
			     "__attribute__((noinline)) int called(int n)\n"
			     "{\n"
			     "	__asm__ volatile(\"\" : \"+r\"(n));\n"
			     "	return n;\n"
			     "}\n"
			     "int main(int argc, char **argv)\n"
			     "{\n"
			     "	return four(argc) + twice(argc);\n"
			     "}\n";

/* Every address of the program's own functions; compiled with each version's encodings. */
static void test_all_versions_of_dwarf_are_read(void **state)
{
	char directory[] = "/tmp/memtrace-dwarf-XXXXXX", command[1024], program[300];
	FILE *file;

	assert_non_null(mkdtemp(directory));
	snprintf(command, sizeof(command), "%s/main.c", directory);
	file = fopen(command, "w");
	fputs(source, file);
	fclose(file);
	for (int version = 2; version <= 5; version++) {
		snprintf(program, sizeof(program), "%s/version%d", directory, version);
		snprintf(command, sizeof(command), "gcc -O2 -gdwarf-%d -o %s %s/main.c", version,
			program, directory);
		assert_int_equal(system(command), 0);
		for (int round = 0; round < 8; round++) {
			address_salt = round;
			compare_with_addr2line("addr2line -C", program, 100, 0);
		}
	}
	address_salt = 0;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	assert_int_equal(system(command), 0);
}

/*
 * For a longer comparison: MEMTRACE_ORACLE_FILE=PROGRAM build/unit/test_symbols, with
 * MEMTRACE_ORACLE=llvm-addr2line for what clang compiled: binutils 2.40 misses inlined frames
 * there.
 */
static void test_a_file_given_by_the_environment_agrees_with_addr2line(void **state)
{
	const char *path = getenv("MEMTRACE_ORACLE_FILE"), *oracle = getenv("MEMTRACE_ORACLE");

	compare_with_addr2line(oracle ? oracle : "addr2line -C", path, 2000, 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_functions_have_the_names_lines_and_inlines_of_addr2line),
		cmocka_unit_test(test_all_versions_of_dwarf_are_read),
	};
	const struct CMUnitTest given[] = {
		cmocka_unit_test(test_a_file_given_by_the_environment_agrees_with_addr2line),
	};

	if (getenv("MEMTRACE_ORACLE_FILE"))
		return cmocka_run_group_tests(given, make_registry, free_registry);
	return cmocka_run_group_tests(tests, make_registry, free_registry);
}
