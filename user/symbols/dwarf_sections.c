/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/dwarf_sections.h"

#include <gelf.h>

static void read_section(Elf_Scn *section, struct bytes *bytes)
{
	Elf_Data *data = elf_getdata(section, NULL);

	if (!data || !data->d_buf)
		return;
	bytes->at = data->d_buf;
	bytes->end = bytes->at + data->d_size;
}

/* Cuts what is behind the last 0 byte, so that whatever begins before the end is a string. */
static void cut_strings(struct bytes *bytes)
{
	const uint8_t *last = bytes->at ? memrchr(bytes->at, 0, bytes__left(bytes)) : NULL;

	bytes->end = last ? last + 1 : bytes->at;
}

/* What debug information unpacks to: measured up to 12 times (.debug_ranges of C++). */
#define MAX_EXPANSION 32
#define FREE_EXPANSION (64ull << 20)

/* The size that a section claims to unpack to; its own if it is not compressed. */
static uint64_t unpacked_size(struct elf_file *file, const Elf64_Shdr *section)
{
	bool is_old = strncmp(elf_file__section_name(file, section), ".zdebug", 7) == 0;
	Elf64_Chdr compression;
	const uint8_t *bytes;
	uint64_t size = 0;

	if (section->sh_flags & SHF_COMPRESSED) {
		bytes = elf_file__bytes(file, section->sh_offset, sizeof(compression));
		if (!bytes || section->sh_size < sizeof(compression))
			return 0;
		memcpy(&compression, bytes, sizeof(compression));
		return compression.ch_size;
	}
	if (!is_old)
		return section->sh_size;
	/* As before 2015: "ZLIB" and the size, most significant byte first. */
	bytes = section->sh_size < 12 ? NULL : elf_file__bytes(file, section->sh_offset, 12);
	for (int i = 4; bytes && i < 12; i++)
		size = size << 8 | bytes[i];
	return size;
}

bool dwarf_sections__may_unpack(struct elf_file *file)
{
	uint64_t packed = 0, unpacked = 0;
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);

	for (size_t i = 1; i < count; i++) {
		uint64_t size;

		if (sections[i].sh_type == SHT_NOBITS)
			continue;
		size = unpacked_size(file, &sections[i]);
		if (size <= sections[i].sh_size)
			continue;
		packed += sections[i].sh_size;
		if (__builtin_add_overflow(unpacked, size, &unpacked))
			return false;
	}
	return unpacked <= FREE_EXPANSION || unpacked / MAX_EXPANSION <= packed;
}

uint64_t dwarf_sections__memory(struct elf_file *file)
{
	uint64_t total = 0;
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);

	for (size_t i = 1; i < count; i++) {
		const char *name = elf_file__section_name(file, &sections[i]);
		bool is_debug = !strncmp(name, ".debug", 6) || !strncmp(name, ".zdebug", 7);

		if (is_debug && sections[i].sh_type != SHT_NOBITS &&
			__builtin_add_overflow(total, unpacked_size(file, &sections[i]), &total))
			return UINT64_MAX;
	}
	return total;
}

struct wanted_section {
	const char *name;
	struct bytes *bytes;
};

static void find_sections(Elf *elf, const struct wanted_section *wanted, size_t count)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name;

		if (!gelf_getshdr(section, &header) ||
			!(name = elf_strptr(elf, names, header.sh_name)))
			continue;
		for (size_t i = 0; i < count; i++)
			if (strcmp(name, wanted[i].name) == 0)
				read_section(section, wanted[i].bytes);
	}
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void dwarf_sections__find(Dwarf *dwarf, struct dwarf_sections *sections)
{
	const struct wanted_section wanted[] = {{".debug_info", &sections->info},
		{".debug_abbrev", &sections->abbrev}, {".debug_line", &sections->line},
		{".debug_line_str", &sections->line_str}, {".debug_str", &sections->str},
		{".debug_types", &sections->types}};
	const struct wanted_section shared[] = {
		{".debug_info", &sections->shared}, {".debug_str", &sections->shared_str}};
	Dwarf *alternate = dwarf_getalt(dwarf);

	*sections = (struct dwarf_sections){0};
	find_sections(dwarf_getelf(dwarf), wanted, COUNT(wanted));
	if (alternate)
		find_sections(dwarf_getelf(alternate), shared, COUNT(shared));
	cut_strings(&sections->line_str);
	cut_strings(&sections->str);
	cut_strings(&sections->shared_str);
}

void dwarf_sections__find_split(Dwarf *dwarf, struct dwarf_sections *sections)
{
	const struct wanted_section wanted[] = {{".debug_info.dwo", &sections->info},
		{".debug_abbrev.dwo", &sections->abbrev}, {".debug_line.dwo", &sections->line},
		{".debug_str.dwo", &sections->str}, {".debug_types.dwo", &sections->types}};

	*sections = (struct dwarf_sections){0};
	find_sections(dwarf_getelf(dwarf), wanted, COUNT(wanted));
	cut_strings(&sections->str);
}

static bool ends_in(const struct bytes *section, const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	return section->at && at >= section->at && at < section->end &&
	       memchr(at, 0, section->end - at);
}

const char *dwarf_sections__attribute_string(
	const struct dwarf_sections *sections, Dwarf_Attribute *attribute)
{
	const char *text = dwarf_formstring(attribute);
	const struct bytes *places[] = {&sections->str, &sections->info, &sections->line_str,
		&sections->shared_str, &sections->shared, &sections->types};

	if (!text || !*text)
		return NULL;
	/* Of a hostile file, libdw 0.188 gives strings that go on behind their section's end. */
	for (size_t i = 0; i < COUNT(places); i++)
		if (ends_in(places[i], text))
			return text;
	return NULL;
}
