/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The dynamic section: what the loader reads of an ELF file. */
#include <string.h>

#include "process/elf_file.h"

/* Real ones have some 30 entries; a program of 1,000 libraries a thousand more. */
#define MAX_ENTRIES 65536

static bool read_entries(
	struct elf_file *file, uint64_t offset, uint64_t size, struct elf_dynamic *out)
{
	size_t count = size / sizeof(Elf64_Dyn);

	if (count > MAX_ENTRIES)
		count = MAX_ENTRIES;
	out->entries = elf_file__items(file, offset, count, sizeof(Elf64_Dyn));
	out->count = 0;
	while (out->entries && out->count < count && out->entries[out->count].d_tag != DT_NULL)
		out->count++;
	return out->count;
}

static bool read_by_segment(
	struct elf_file *file, const Elf64_Phdr *segment, struct elf_dynamic *out)
{
	uint64_t strings, offset;

	if (!segment || !read_entries(file, segment->p_offset, segment->p_filesz, out))
		return false;
	strings = elf_dynamic__value(out, DT_STRTAB, 0);
	if (strings && elf_file__vaddr_to_offset(file, strings, &offset))
		out->strings =
			elf_file__strings(file, offset, elf_dynamic__value(out, DT_STRSZ, 0));
	return true;
}

bool elf_file__dynamic(struct elf_file *file, struct elf_dynamic *out)
{
	const Elf64_Shdr *section;

	*out = (struct elf_dynamic){0};
	if (read_by_segment(file, elf_file__segment(file, PT_DYNAMIC), out))
		return true;
	section = elf_file__section_of_type(file, SHT_DYNAMIC);
	if (!section || !read_entries(file, section->sh_offset, section->sh_size, out))
		return false;
	out->strings =
		elf_file__section_strings(file, elf_file__section_at(file, section->sh_link));
	return true;
}

uint64_t elf_dynamic__value(const struct elf_dynamic *dynamic, int64_t tag, uint64_t otherwise)
{
	for (size_t i = 0; i < dynamic->count; i++)
		if (dynamic->entries[i].d_tag == tag)
			return dynamic->entries[i].d_un.d_val;
	return otherwise;
}

const char *elf_file__soname(struct elf_file *file)
{
	struct elf_dynamic dynamic;
	uint64_t name;

	if (!elf_file__dynamic(file, &dynamic))
		return NULL;
	name = elf_dynamic__value(&dynamic, DT_SONAME, UINT64_MAX);
	return name < dynamic.strings.size ? dynamic.strings.text + name : NULL;
}
