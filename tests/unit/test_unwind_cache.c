/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Unwind tables on disk: what is kept, what is believed, what is thrown away. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/elf_file.h"
#include "unwind/cache.h"
#include "unwind/store.h"

static char folder[] = "/tmp/memtrace-cache-XXXXXX";
static const uint8_t id[20] = {0xab, 0xcd, 1, 2, 3};

static int count_files(void)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static int make_folder(void **state)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static struct unwind_cache *open_cache(uint64_t limit)
{
	struct unwind_cache *cache = NULL;
	struct error err = {0};

	assert_int_equal(unwind_cache__open(&cache, folder, limit, &err), 0);
	return cache;
}

/* A table of @count rows and one rare rule, in one allocation as a built one is. */
static struct unwind_table *make_table(size_t count)
{
	struct unwind_table *table = calloc(1, sizeof(*table));
	uint64_t *rows = calloc(1, count * sizeof(*rows) + sizeof(struct unwind_rare));
	struct unwind_rare *rare = (struct unwind_rare *)(rows + count);

	for (size_t i = 0; i < count; i++)
		rows[i] = unwind_row(i * 4, unwind_rule(UNWIND_SP, 2, 3, 1 + i % 7));
	*rare = (struct unwind_rare){.base = UNWIND_SP, .cfa_offset = 1 << 24};
	*table = (struct unwind_table){.machine = 62,
		.text_start = 0x1000,
		.text_end = 0x9000,
		.rows = rows,
		.row_count = count,
		.rare = rare,
		.rare_count = 1,
		.storage = rows,
		.statistics = {.fdes = 17}};
	return table;
}

static void store(struct unwind_cache *cache, const uint8_t *key, size_t rows)
{
	struct unwind_table *table = make_table(rows);

	assert_int_equal(unwind_cache__store(cache, key, sizeof(id), table), 0);
	unwind_table__free(table);
}

static bool is_cached(struct unwind_cache *cache, const uint8_t *key)
{
	struct unwind_table *table = NULL;
	int ret = unwind_cache__load(cache, key, sizeof(id), &table);

	if (!ret)
		unwind_table__free(table);
	return !ret;
}

static int open_cached_file(int flags)
{
	char path[256];
	int n = snprintf(path, sizeof(path), "%s/", folder);

	for (size_t i = 0; i < sizeof(id); i++)
		n += snprintf(path + n, sizeof(path) - n, "%02x", id[i]);
	snprintf(path + n, sizeof(path) - n, ".unwind");
	return open(path, flags);
}

static void test_a_table_comes_back_as_it_was_stored(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	struct unwind_table *stored = make_table(1000), *loaded = NULL;

	assert_int_equal(unwind_cache__store(cache, id, sizeof(id), stored), 0);
	assert_int_equal(unwind_cache__load(cache, id, sizeof(id), &loaded), 0);
	assert_int_equal(loaded->row_count, 1000);
	assert_memory_equal(loaded->rows, stored->rows, 1000 * sizeof(uint64_t));
	assert_memory_equal(loaded->rare, stored->rare, sizeof(struct unwind_rare));
	assert_int_equal(loaded->text_start, 0x1000);
	assert_int_equal(loaded->text_end, 0x9000);
	assert_int_equal(loaded->machine, 62);
	assert_int_equal(loaded->statistics.fdes, 17);
	unwind_table__free(stored);
	unwind_table__free(loaded);
	unwind_cache__close(cache);
}

static void test_a_table_outlives_the_cache_that_stored_it(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);

	store(cache, id, 10);
	unwind_cache__close(cache);
	cache = open_cache(1 << 20);
	assert_true(is_cached(cache, id));
	unwind_cache__close(cache);
}

static void test_another_key_is_not_served(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	uint8_t other[sizeof(id)];
	char from[256], to[256];

	memcpy(other, id, sizeof(id));
	other[0] ^= 1;
	store(cache, id, 10);
	assert_false(is_cached(cache, other));
	/* Nor if the file has been given the other's name. */
	snprintf(from, sizeof(from), "%s/abcd010203000000000000000000000000000000.unwind", folder);
	snprintf(to, sizeof(to), "%s/aacd010203000000000000000000000000000000.unwind", folder);
	assert_int_equal(rename(from, to), 0);
	assert_false(is_cached(cache, other));
	unwind_cache__close(cache);
}

static void test_no_damaged_byte_is_believed(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	struct stat status;
	int fd;

	store(cache, id, 16);
	fd = open_cached_file(O_RDWR);
	assert_int_equal(fstat(fd, &status), 0);
	close(fd);
	for (off_t at = 0; at < status.st_size; at++) {
		uint8_t byte;

		store(cache, id, 16);
		fd = open_cached_file(O_RDWR);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		if (is_cached(cache, id))
			fail_msg("byte %ld of %ld was changed and believed", at, status.st_size);
	}
	unwind_cache__close(cache);
}

static void test_a_file_that_was_cut_is_not_believed_and_goes_away(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	int fd;

	for (off_t size = 0; size < 200; size += 7) {
		store(cache, id, 16);
		fd = open_cached_file(O_RDWR);
		assert_int_equal(ftruncate(fd, size), 0);
		close(fd);
		assert_false(is_cached(cache, id));
		assert_int_equal(count_files(), 0);
	}
	unwind_cache__close(cache);
}

static void test_a_file_that_others_can_write_is_not_believed(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	int fd;

	store(cache, id, 16);
	fd = open_cached_file(O_RDONLY);
	assert_int_equal(fchmod(fd, 0666), 0);
	close(fd);
	assert_false(is_cached(cache, id));
	unwind_cache__close(cache);
}

static void test_a_link_is_not_followed(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	char from[256], to[256];

	store(cache, id, 16);
	snprintf(from, sizeof(from), "%s/abcd010203000000000000000000000000000000.unwind", folder);
	snprintf(to, sizeof(to), "%s/elsewhere", folder);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink(to, from), 0);
	assert_false(is_cached(cache, id));
	unwind_cache__close(cache);
}

static void test_a_file_with_a_second_name_is_not_believed(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	char from[256], to[256];

	store(cache, id, 16);
	snprintf(from, sizeof(from), "%s/abcd010203000000000000000000000000000000.unwind", folder);
	snprintf(to, sizeof(to), "%s/elsewhere", folder);
	assert_int_equal(link(from, to), 0);
	assert_false(is_cached(cache, id));
	unwind_cache__close(cache);
}

static void test_what_another_user_planted_is_not_believed(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20), *refused = NULL;
	struct error err = {0};
	int fd;

	if (geteuid())
		skip();
	store(cache, id, 16);
	fd = open_cached_file(O_RDONLY);
	assert_int_equal(fchown(fd, 65534, 65534), 0);
	close(fd);
	assert_false(is_cached(cache, id));
	unwind_cache__close(cache);
	assert_int_equal(chown(folder, 65534, 65534), 0);
	assert_int_equal(unwind_cache__open(&refused, folder, 1 << 20, &err), -EPERM);
	assert_null(refused);
}

static void test_the_secret_is_kept_and_made_anew_if_others_can_write_it(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	uint8_t first[UNWIND_SECRET_SIZE], zero[UNWIND_SECRET_SIZE] = {0};
	char path[256];

	memcpy(first, unwind_cache__secret(cache), sizeof(first));
	assert_memory_not_equal(first, zero, sizeof(first));
	unwind_cache__close(cache);
	cache = open_cache(1 << 20);
	assert_memory_equal(unwind_cache__secret(cache), first, sizeof(first));
	unwind_cache__close(cache);
	snprintf(path, sizeof(path), "%s/.secret", folder);
	assert_int_equal(chmod(path, 0666), 0);
	cache = open_cache(1 << 20);
	assert_memory_not_equal(unwind_cache__secret(cache), first, sizeof(first));
	unwind_cache__close(cache);
}

/* A copy of this test program with a byte at @offset that is another one. */
static const struct module *changed_copy(struct modules *modules, uint64_t offset)
{
	int self = open("/proc/self/exe", O_RDONLY), fd = memfd_create("copy", MFD_CLOEXEC);
	const struct module *module;
	struct stat status;
	char *bytes;

	fstat(self, &status);
	bytes = malloc(status.st_size);
	assert_int_equal(pread(self, bytes, status.st_size, 0), status.st_size);
	bytes[offset] ^= 1;
	assert_int_equal(write(fd, bytes, status.st_size), status.st_size);
	module = modules__add_file(modules, fd, "/copy", NULL);
	assert_non_null(module);
	free(bytes);
	close(fd);
	close(self);
	return module;
}

/* Whether the table for the copy comes from the cache. */
static bool is_served(struct modules *modules, uint64_t changed_offset)
{
	struct unwind_store *store = unwind_store__new(open_cache(64 << 20));
	const struct module *copy = changed_copy(modules, changed_offset);
	struct unwind_store_statistics statistics;

	assert_non_null(unwind_store__table(store, copy));
	statistics = unwind_store__statistics(store);
	assert_int_equal(statistics.cached + statistics.built, 1);
	unwind_store__free(store);
	return statistics.cached;
}

static uint64_t section_offset(const char *name)
{
	int self = open("/proc/self/exe", O_RDONLY);
	const Elf64_Shdr *section;
	struct elf_file *file;
	uint64_t offset;

	assert_int_equal(elf_file__open(self, &file, NULL), 0);
	section = elf_file__section(file, name);
	assert_non_null(section);
	offset = section->sh_offset + section->sh_size / 2;
	elf_file__close(file);
	close(self);
	return offset;
}

static void test_a_build_id_that_a_file_claims_is_worth_nothing(void **state)
{
	uint64_t frames = section_offset(".eh_frame"), code = section_offset(".text");
	uint64_t data = section_offset(".data"), elsewhere = section_offset(".comment");
	struct modules *modules = modules__new();
	const struct module *first = changed_copy(modules, data);

	/* All have the same build ID. */
	assert_true(first->build_id.size > 0);
	assert_false(is_served(modules, frames));
	assert_false(is_served(modules, code));
	assert_false(is_served(modules, elsewhere));
	/* What no row comes from makes no difference. */
	assert_true(is_served(modules, data));
	assert_true(is_served(modules, frames));
	modules__free(modules);
}

static void test_a_folder_that_others_can_write_is_refused(void **state)
{
	struct unwind_cache *cache = NULL;
	struct error err = {0};

	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(unwind_cache__open(&cache, folder, 1 << 20, &err), -EPERM);
	assert_null(cache);
}

static void test_the_least_recently_used_make_room(void **state)
{
	uint8_t ids[6][sizeof(id)] = {{0}};
	/* Each file has 192 + 16 + 8 * 100 bytes: three fit. */
	struct unwind_cache *cache = open_cache(3500);

	for (int i = 0; i < 3; i++) {
		ids[i][0] = i + 1;
		store(cache, ids[i], 100);
		usleep(20000);
	}
	assert_true(is_cached(cache, ids[0]));
	usleep(20000);
	ids[3][0] = 4;
	store(cache, ids[3], 100);
	assert_true(is_cached(cache, ids[0]));
	assert_false(is_cached(cache, ids[1]));
	assert_true(is_cached(cache, ids[2]));
	assert_true(is_cached(cache, ids[3]));
	assert_int_equal(count_files(), 3);
	unwind_cache__close(cache);
}

static void test_a_table_larger_than_the_limit_is_not_kept(void **state)
{
	struct unwind_cache *cache = open_cache(500);
	struct unwind_table *table = make_table(100);

	assert_int_equal(unwind_cache__store(cache, id, sizeof(id), table), -EFBIG);
	assert_int_equal(count_files(), 0);
	unwind_table__free(table);
	unwind_cache__close(cache);
}

static void test_a_deleted_folder_only_costs_the_cache(void **state)
{
	struct unwind_cache *cache = open_cache(1 << 20);
	struct unwind_table *table = make_table(10);

	store(cache, id, 10);
	assert_int_equal(remove_folder(state), 0);
	assert_false(is_cached(cache, id));
	assert_true(unwind_cache__store(cache, id, sizeof(id), table) < 0);
	unwind_table__free(table);
	unwind_cache__close(cache);
}

static void test_the_default_folder_follows_the_environment(void **state)
{
	struct unwind_cache *cache = NULL;
	struct error err = {0};
	char path[256];

	setenv("XDG_CACHE_HOME", folder, 1);
	assert_int_equal(unwind_cache__open(&cache, NULL, 1 << 20, &err), 0);
	snprintf(path, sizeof(path), "%s/memtrace", folder);
	assert_int_equal(access(path, F_OK), 0);
	unwind_cache__close(cache);
	unsetenv("XDG_CACHE_HOME");
	snprintf(path, sizeof(path), "%s/home", folder);
	setenv("HOME", path, 1);
	assert_int_equal(unwind_cache__open(&cache, NULL, 1 << 20, &err), 0);
	snprintf(path, sizeof(path), "%s/home/.cache/memtrace", folder);
	assert_int_equal(access(path, F_OK), 0);
	unwind_cache__close(cache);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folder(test_a_table_comes_back_as_it_was_stored),
		with_folder(test_a_table_outlives_the_cache_that_stored_it),
		with_folder(test_another_key_is_not_served),
		with_folder(test_no_damaged_byte_is_believed),
		with_folder(test_a_file_that_was_cut_is_not_believed_and_goes_away),
		with_folder(test_a_file_that_others_can_write_is_not_believed),
		with_folder(test_a_link_is_not_followed),
		with_folder(test_a_file_with_a_second_name_is_not_believed),
		with_folder(test_what_another_user_planted_is_not_believed),
		with_folder(test_the_secret_is_kept_and_made_anew_if_others_can_write_it),
		with_folder(test_a_build_id_that_a_file_claims_is_worth_nothing),
		with_folder(test_a_folder_that_others_can_write_is_refused),
		with_folder(test_the_least_recently_used_make_room),
		with_folder(test_a_table_larger_than_the_limit_is_not_kept),
		with_folder(test_a_deleted_folder_only_costs_the_cache),
		with_folder(test_the_default_folder_follows_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
