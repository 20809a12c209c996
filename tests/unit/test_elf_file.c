/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Names in ELF files: symbols, dynamic section, PLT; the loader and binutils are the oracles. */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
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
#include "process/elf_plt.h"

static int libc_fd;
static struct elf_file *libc;
static char libc_path[256];
static uint64_t libc_bias;

static int open_libc(void **state)
{
	struct link_map *map;
	Dl_info info;

	if (!dladdr1(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &info, (void **)&map,
		    RTLD_DL_LINKMAP))
		return -1;
	snprintf(libc_path, sizeof(libc_path), "%s", map->l_name);
	libc_bias = map->l_addr;
	libc_fd = open(libc_path, O_RDONLY);
	return elf_file__open(libc_fd, &libc, NULL);
}

static int close_libc(void **state)
{
	elf_file__close(libc);
	close(libc_fd);
	return 0;
}

static void test_many_names_are_found_where_the_loader_finds_them(void **state)
{
	struct elf_wanted wanted[] = {{.name = "malloc"}, {.name = "no_such_function"},
		{.name = "free"}, {.name = "posix_memalign"}, {.name = "printf"},
		{.name = "pthread_cond_wait"}};
	void *handle = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	size_t count = sizeof(wanted) / sizeof(*wanted);

	assert_int_equal(elf_file__find_symbols(libc, ELF_DYNSYM, wanted, count), (int)count - 1);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(wanted[i].found, i != 1);
		if (i == 1)
			continue;
		assert_int_equal(wanted[i].symbol.type, STT_FUNC);
		assert_int_equal(wanted[i].symbol.value + libc_bias,
			(uintptr_t)dlsym(handle, wanted[i].name));
	}
}

static void test_the_default_version_of_a_name_goes_before_old_ones(void **state)
{
	/* glibc keeps pthread_cond_wait of before 2.3.2, with another layout, on x86-64. */
	struct elf_wanted wanted = {.name = "pthread_cond_wait"};

	assert_int_equal(elf_file__find_symbols(libc, ELF_ANY_TABLE, &wanted, 1), 1);
	assert_false(wanted.symbol.old_version);
}

static void test_a_symbol_that_is_only_referred_to_is_not_found(void **state)
{
	struct elf_wanted wanted[] = {{.name = "assert_no_such"}, {.name = "_test_fail"},
		{.name = "_cmocka_run_group_tests"}};
	int fd = open("/proc/self/exe", O_RDONLY);
	struct elf_file *self;

	assert_int_equal(elf_file__open(fd, &self, NULL), 0);
	assert_int_equal(elf_file__find_symbols(self, ELF_ANY_TABLE, wanted, 3), 0);
	elf_file__close(self);
	close(fd);
}

static void test_soname_is_read(void **state)
{
	assert_string_equal(elf_file__soname(libc), "libc.so.6");
}

static const char *find_plt_name(const elf_plt_entries *entries, uint64_t address)
{
	for (size_t i = 0; i < entries->size; i++)
		if (entries->data[i].address == address)
			return entries->data[i].name;
	return NULL;
}

/* Every "<name@plt>:" label of objdump must be known, by that name. */
static void compare_plt_with_objdump(const char *path)
{
	int fd = open(path, O_RDONLY), labels = 0;
	elf_plt_entries entries = {0};
	struct elf_file *file;
	char command[512], line[1024];
	FILE *dump;

	assert_int_equal(elf_file__open(fd, &file, NULL), 0);
	assert_int_equal(elf_file__plt(file, &entries), 0);
	snprintf(command, sizeof(command),
		"objdump -d -j .plt -j .plt.sec -j .plt.got %s 2>/dev/null | grep '@plt>:$'", path);
	dump = popen(command, "r");
	while (fgets(line, sizeof(line), dump)) {
		unsigned long address;
		const char *known;
		char name[900];

		if (sscanf(line, "%lx <%890[^>]", &address, name) != 2 || strstr(name, "*ABS*"))
			continue;
		*strchrnul(name, '@') = '\0';
		known = find_plt_name(&entries, address);
		assert_non_null(known);
		assert_string_equal(known, name);
		labels++;
	}
	pclose(dump);
	assert_true(labels > 0);
	vec_free(&entries);
	elf_file__close(file);
	close(fd);
}

static void test_plt_stubs_have_the_names_that_objdump_gives(void **state)
{
	char self[256];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length] = '\0';
	compare_plt_with_objdump(self);
	compare_plt_with_objdump("/usr/bin/git");
	compare_plt_with_objdump("/usr/bin/python3");
}

static void test_a_file_cut_short_anywhere_is_no_danger(void **state)
{
	struct stat status;
	elf_plt_entries entries = {0};
	struct elf_wanted wanted = {.name = "malloc"};
	char *bytes;

	fstat(libc_fd, &status);
	bytes = malloc(status.st_size);
	assert_int_equal(pread(libc_fd, bytes, status.st_size, 0), status.st_size);
	for (int parts = 0; parts < 64; parts++) {
		size_t size = status.st_size * parts / 64;
		char *cut = malloc(size + 1);
		struct elf_file *file;

		memcpy(cut, bytes, size);
		if (elf_file__open_memory(cut, size, &file, NULL) == 0) {
			elf_file__find_symbols(file, ELF_ANY_TABLE, &wanted, 1);
			elf_file__plt(file, &entries);
			elf_file__soname(file);
			elf_file__close(file);
		}
		vec_free(&entries);
		free(cut);
	}
	free(bytes);
}

static void test_a_text_file_is_refused(void **state)
{
	int fd = open("/etc/passwd", O_RDONLY);
	struct elf_file *file;
	struct error err;

	assert_int_equal(elf_file__open(fd, &file, &err), -ENOEXEC);
	assert_null(file);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_names_are_found_where_the_loader_finds_them),
		cmocka_unit_test(test_the_default_version_of_a_name_goes_before_old_ones),
		cmocka_unit_test(test_a_symbol_that_is_only_referred_to_is_not_found),
		cmocka_unit_test(test_soname_is_read),
		cmocka_unit_test(test_plt_stubs_have_the_names_that_objdump_gives),
		cmocka_unit_test(test_a_file_cut_short_anywhere_is_no_danger),
		cmocka_unit_test(test_a_text_file_is_refused),
	};

	return cmocka_run_group_tests(tests, open_libc, close_libc);
}
