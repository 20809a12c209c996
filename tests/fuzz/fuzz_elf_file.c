/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as an ELF file, whole and cut short while it is read. The last two bytes say where.
 * What the reader gives must be readable, and lie in the file.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/elf_file.h"
#include "process/elf_plt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(const void *bytes, size_t size)
{
	for (size_t i = 0; bytes && i < size; i++)
		sink ^= ((const uint8_t *)bytes)[i];
}

static bool touch_symbol(void *context, const struct elf_symbol *symbol)
{
	touch(symbol->name, strlen(symbol->name) + 1);
	return true;
}

static void read_sections(struct elf_file *file)
{
	size_t count, size;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);

	for (size_t i = 0; i < count && i < 64; i++) {
		const char *name = elf_file__section_name(file, &sections[i]);

		touch(name, strlen(name));
		touch(elf_file__section_bytes(file, &sections[i], &size), size);
		touch(elf_file__section_items(file, &sections[i], 24, &size), size * 24);
	}
}

static void read_segments(struct elf_file *file)
{
	size_t count, available;
	const Elf64_Phdr *segments = elf_file__segments(file, &count);

	for (size_t i = 0; i < count && i < 64; i++) {
		uint64_t offset;

		touch(elf_file__at(file, segments[i].p_vaddr + 1, 4096, &available), 1);
		if (elf_file__vaddr_to_offset(file, segments[i].p_vaddr, &offset) &&
			offset >= elf_file__size(file))
			abort();
	}
}

static void read_names(struct elf_file *file)
{
	struct elf_wanted wanted[] = {{.name = "malloc"}, {.name = "main"}, {.name = ""}};
	const char *soname = elf_file__soname(file);
	elf_plt_entries stubs = {0};
	size_t size;

	touch(soname, soname ? strlen(soname) : 0);
	elf_file__each_symbol(file, ELF_ANY_TABLE, touch_symbol, NULL);
	elf_file__find_symbols(file, ELF_ANY_TABLE, wanted, 3);
	elf_file__plt(file, &stubs);
	vec_for_each (stub, &stubs)
		touch(stub->name, stub->name ? strlen(stub->name) : 0);
	touch(elf_file__build_id(file, &size, NULL), 1);
	vec_free(&stubs);
}

static void read_all(struct elf_file *file)
{
	read_segments(file);
	read_sections(file);
	read_names(file);
	elf_file__close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct elf_file *file;
	uint16_t cut = 0;
	uint8_t *exact;

	if (size < sizeof(cut) || write(fd, data, size) != (ssize_t)size)
		goto out;
	memcpy(&cut, data + size - sizeof(cut), sizeof(cut));
	if (elf_file__open(fd, &file, NULL) == 0)
		read_all(file);
	if (elf_file__open(fd, &file, NULL) == 0) {
		if (ftruncate(fd, cut))
			abort();
		read_all(file);
	}
	/* The sanitizer knows where this one ends. */
	exact = malloc(size);
	memcpy(exact, data, size);
	if (elf_file__open_memory(exact, size, &file, NULL) == 0)
		read_all(file);
	free(exact);
out:
	close(fd);
	return 0;
}
