/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Files pinned by fd, and the arithmetic of their addresses. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/image.h"
#include "process/module.h"
#include "process/mounts.h"
#include "process/remote_file.h"
#include "process/root.h"

static struct modules *registry;
static struct maps own_maps;

static int read_own_maps(void **state)
{
	registry = modules__new();
	return maps__read(getpid(), &own_maps, NULL);
}

static int free_own_maps(void **state)
{
	maps__free(&own_maps);
	modules__free(registry);
	return 0;
}

static struct module *get(const void *address, const struct mapping **mapping)
{
	*mapping = maps__find(&own_maps, (uintptr_t)address);
	assert_non_null(*mapping);
	return modules__get(registry, getpid(), *mapping, NULL);
}

static void test_a_library_is_opened_once_and_its_bias_is_the_loaders(void **state)
{
	void *function = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
	const struct mapping *mapping;
	struct module *libc = get(function, &mapping);
	struct link_map *map;
	uint64_t bias, offset, vaddr;
	Dl_info info;

	assert_non_null(libc);
	assert_ptr_equal(get(function, &mapping), libc);
	assert_ptr_equal(modules__find(registry, libc->id), libc);
	assert_string_equal(libc->name, "libc.so.6");
	assert_int_equal(libc->build_id.size, 20);
	assert_int_equal(strlen(libc->build_id.hex), 40);
	assert_int_equal(libc->elf_type, ET_DYN);
	assert_true(module__bias(libc, mapping, &bias));
	assert_int_equal(dladdr1(function, &info, (void **)&map, RTLD_DL_LINKMAP) != 0, 1);
	assert_int_equal(bias, map->l_addr);
	offset = mapping__file_offset(mapping, (uintptr_t)function);
	vaddr = (uintptr_t)function - bias;
	assert_true(vaddr >= libc->text_start && vaddr < libc->text_end);
	assert_true(module__vaddr_to_offset(libc, vaddr, &offset));
	assert_int_equal(offset, mapping__file_offset(mapping, (uintptr_t)function));
}

/* For those who may not open map_files: what is mapped is found by its name without any waiting. */
static void test_the_files_of_all_mappings_are_found_in_memory(void **state)
{
	size_t found = 0;

	for (size_t i = 0; i < own_maps.size; i++) {
		const struct mapping *mapping = &own_maps.data[i];
		struct stat status;
		int fd;

		if (mapping->path[0] != '/' || mapping->deleted)
			continue;
		fd = root__find_cached(getpid(), mapping->path);
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &status), 0);
		assert_int_equal(status.st_ino, mapping->inode);
		assert_true(mounts__is_local_fd(getpid(), fd));
		close(fd);
		found++;
	}
	assert_true(found > 0);
	assert_true(root__find_cached(getpid(), "/proc/self/no-such-file") < 0);
}

static void test_the_vdso_becomes_a_file_and_is_shared(void **state)
{
	struct module *vdso = NULL;
	unsigned char magic[4];

	for (size_t i = 0; i < own_maps.size; i++) {
		if (!mapping__is_vdso(&own_maps.data[i]))
			continue;
		vdso = modules__get(registry, getpid(), &own_maps.data[i], NULL);
		assert_ptr_equal(modules__get(registry, getpid(), &own_maps.data[i], NULL), vdso);
	}
	assert_non_null(vdso);
	assert_true(vdso->is_vdso);
	assert_string_equal(vdso->name, "[vdso]");
	assert_int_equal(pread(vdso->fd, magic, 4, 0), 4);
	assert_memory_equal(magic, ELFMAG, 4);
	assert_true(vdso->text_end > vdso->text_start);
}

static void test_memory_without_a_file_has_no_module(void **state)
{
	const struct mapping *mapping;
	struct error err;
	int local = 0;

	assert_null(get(&local, &mapping));
	assert_null(modules__get(registry, getpid(), mapping, &err));
	assert_int_equal(err.code, -ENOEXEC);
}

/* Copies the running program to a new file and maps its first page as code. */
static void *map_copy(char *path, size_t *size)
{
	char buffer[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = mkstemp(path);
	void *address;
	ssize_t n;

	*size = 0;
	while ((n = read(from, buffer, sizeof(buffer))) > 0) {
		assert_int_equal(write(to, buffer, n), n);
		*size += n;
	}
	address = mmap(NULL, *size, PROT_READ | PROT_EXEC, MAP_PRIVATE, to, 0);
	assert_true(address != MAP_FAILED);
	close(from);
	close(to);
	return address;
}

static void test_a_deleted_file_is_still_opened(void **state)
{
	char path[] = "/tmp/memtrace-test-XXXXXX";
	const struct mapping *mapping;
	struct module *module;
	struct maps maps;
	size_t size;
	void *address = map_copy(path, &size);

	unlink(path);
	assert_int_equal(maps__read(getpid(), &maps, NULL), 0);
	mapping = maps__find(&maps, (uintptr_t)address);
	assert_true(mapping->deleted);
	assert_string_equal(mapping->path, path);
	module = modules__get(registry, getpid(), mapping, NULL);
	if (!module)
		skip(); /* map_files takes a capability that we may not have */
	assert_string_equal(module->path, path);
	assert_int_equal(lseek(module->fd, 0, SEEK_END), size);
	maps__free(&maps);
	munmap(address, size);
}

static void test_a_file_replaced_under_its_name_is_not_confused_with_the_new_one(void **state)
{
	char path[] = "/tmp/memtrace-test-XXXXXX", other[] = "/tmp/memtrace-test-XXXXXX";
	struct module *old, *new;
	struct maps before, after;
	void *address, *address2;
	size_t size;

	address = map_copy(path, &size);
	assert_int_equal(maps__read(getpid(), &before, NULL), 0);
	old = modules__get(registry, getpid(), maps__find(&before, (uintptr_t)address), NULL);
	assert_non_null(old);
	address2 = map_copy(other, &size);
	rename(other, path);
	assert_int_equal(maps__read(getpid(), &after, NULL), 0);
	new = modules__get(registry, getpid(), maps__find(&after, (uintptr_t)address2), NULL);
	assert_non_null(new);
	assert_ptr_not_equal(old, new);
	unlink(path);
	maps__free(&before);
	maps__free(&after);
	munmap(address, size);
	munmap(address2, size);
}

static void test_a_note_with_another_build_id_differs(void **state)
{
	struct build_id id = {.bytes = {1, 2, 3, 4}, .size = 4};
	uint8_t note[] = {4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0, 1, 2, 3, 4};

	assert_false(image__note_differs(&id, note, sizeof(note)));
	note[19] = 5;
	assert_true(image__note_differs(&id, note, sizeof(note)));
	note[8] = 1; /* no build ID note: nothing can be said */
	assert_false(image__note_differs(&id, note, sizeof(note)));
	assert_false(image__note_differs(&id, note, 10));
}

static void test_offsets_in_a_page_of_two_segments_are_those_of_the_code(void **state)
{
	/* As lld lays out: the code starts in the middle of the page where the constants end. */
	struct module_segment segments[] = {
		{.vaddr = 0, .offset = 0, .file_size = 0x1234, .memory_size = 0x1234},
		{.vaddr = 0x2234,
			.offset = 0x1234,
			.file_size = 0x3000,
			.memory_size = 0x3000,
			.executable = true},
		{.vaddr = 0x6234, .offset = 0x4234, .file_size = 0x100, .memory_size = 0x900},
	};
	struct module module = {.segments = segments, .segment_count = 3};
	struct mapping code = {.start = 0x7f0000002000,
		.end = 0x7f0000006000,
		.offset = 0x1000,
		.prot = PROT_READ | PROT_EXEC};
	uint64_t bias, offset;

	assert_true(module__bias(&module, &code, &bias));
	assert_int_equal(bias, 0x7f0000000000);
	assert_true(module__vaddr_to_offset(&module, 0x2234, &offset));
	assert_int_equal(offset, 0x1234);
	assert_false(module__vaddr_to_offset(&module, 0x6400, &offset)); /* .bss */
	assert_false(module__vaddr_to_offset(&module, 0x2000, &offset)); /* between segments */
}

static void test_files_that_are_not_elf_are_refused(void **state)
{
	struct error err;
	int fd = open("/etc/passwd", O_RDONLY);

	assert_null(modules__add_file(registry, fd, "/etc/passwd", &err));
	assert_int_equal(err.code, -ENOEXEC);
	close(fd);
}

static void test_a_mount_is_local_only_if_its_type_is_known_to_be(void **state)
{
	const char *text =
		"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
		"30 22 0:45 / /home rw master:1 propagate_from:2 - nfs4 server:/home rw,addr=::1\n"
		"31 22 0:46 / /mnt\\040-\\040ext4 rw - fuse.sshfs host: rw\n"
		"a line that is none\n"
		"32 22 7:0 / /media rw - fuseblk /dev/loop0 rw\n"
		"33 22 0:47 / /tmp rw - tmpfs tmpfs rw";

	assert_int_equal(mounts__find(text, 8, 1), 1);
	assert_int_equal(mounts__find(text, 0, 45), 0);
	assert_int_equal(mounts__find(text, 0, 46), 0);
	assert_int_equal(mounts__find(text, 7, 0), 0);
	assert_int_equal(mounts__find(text, 0, 47), 1);
	assert_int_equal(mounts__find(text, 0, 48), -ENOENT);
	assert_int_equal(mounts__find("", 8, 1), -ENOENT);
}

/* In a chroot the tables of mounts have not the one of the root; here there is no /proc at all. */
static void test_a_root_that_no_table_has_is_local_on_a_block_device(void **state)
{
	char root[] = "/tmp/memtrace-root.XXXXXX";
	int status;
	pid_t child;

	if (geteuid())
		skip();
	assert_non_null(mkdtemp(root));
	child = fork();
	if (!child) {
		struct stat info;
		int fd = chroot(root) || chdir("/") ? -1 : open("/", O_PATH);

		if (fd < 0 || fstat(fd, &info))
			_exit(2);
		_exit(mounts__is_local_fd(getpid(), fd) != !!major(info.st_dev));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	rmdir(root);
	assert_int_equal(status, 0);
}

static void test_a_fetched_file_is_a_copy_beside_the_file_itself(void **state)
{
	struct remote_file remote;
	struct stat own, copy, file;

	assert_int_equal(remote_file__fetch("/proc/self/exe", &remote), 0);
	assert_int_equal(stat("/proc/self/exe", &own), 0);
	assert_int_equal(fstat(remote.file, &file), 0);
	assert_int_equal(fstat(remote.copy, &copy), 0);
	assert_true(file.st_ino == own.st_ino && file.st_dev == own.st_dev);
	assert_true(copy.st_size == own.st_size && copy.st_ino != own.st_ino);
	close(remote.file);
	close(remote.copy);
	assert_int_equal(remote_file__fetch("/dev/null", &remote), -ENOEXEC);
	assert_int_equal(remote_file__fetch("/nowhere", &remote), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mount_is_local_only_if_its_type_is_known_to_be),
		cmocka_unit_test(test_a_root_that_no_table_has_is_local_on_a_block_device),
		cmocka_unit_test(test_a_fetched_file_is_a_copy_beside_the_file_itself),
		cmocka_unit_test(test_a_library_is_opened_once_and_its_bias_is_the_loaders),
		cmocka_unit_test(test_the_files_of_all_mappings_are_found_in_memory),
		cmocka_unit_test(test_the_vdso_becomes_a_file_and_is_shared),
		cmocka_unit_test(test_memory_without_a_file_has_no_module),
		cmocka_unit_test(test_a_deleted_file_is_still_opened),
		cmocka_unit_test(
			test_a_file_replaced_under_its_name_is_not_confused_with_the_new_one),
		cmocka_unit_test(test_a_note_with_another_build_id_differs),
		cmocka_unit_test(test_offsets_in_a_page_of_two_segments_are_those_of_the_code),
		cmocka_unit_test(test_files_that_are_not_elf_are_refused),
	};

	return cmocka_run_group_tests(tests, read_own_maps, free_own_maps);
}
