/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The debug sections whose bytes are read directly; libdw has them in memory, decompressed. */
#ifndef MEMTRACE_SYMBOLS_DWARF_SECTIONS_H
#define MEMTRACE_SYMBOLS_DWARF_SECTIONS_H

#include <elfutils/libdw.h>

#include "base/bytes.h"
#include "process/elf_file.h"

/* Of a section that is not there both pointers are NULL. */
struct dwarf_sections {
	struct bytes info;	 /* .debug_info */
	struct bytes abbrev;	 /* .debug_abbrev */
	struct bytes line;	 /* .debug_line */
	struct bytes line_str;	 /* .debug_line_str: to its last 0 byte */
	struct bytes str;	 /* .debug_str: to its last 0 byte */
	struct bytes types;	 /* .debug_types */
	struct bytes shared;	 /* .debug_info of the supplementary file */
	struct bytes shared_str; /* its .debug_str, to the last 0 byte */
};

/* Finds them; those of before 2015, compressed under the name .zdebug_*, are as not there. */
void dwarf_sections__find(Dwarf *dwarf, struct dwarf_sections *sections);

/*
 * Whether the compressed sections of a file unpack to sizes that real ones may have. libdw unpacks
 * all of them as soon as it opens the file, and a hostile megabyte may become a gigabyte.
 */
bool dwarf_sections__may_unpack(struct elf_file *file);

/* What libdw will hold in memory of a file's debug sections, bytes. */
uint64_t dwarf_sections__memory(struct elf_file *file);

/* Those of a file with split units, which are called .debug_*.dwo. */
void dwarf_sections__find_split(Dwarf *dwarf, struct dwarf_sections *sections);

/*
 * The string that @attribute has; NULL where it has none, an empty one, or one that does not end.
 * Valid as long as the Dwarf.
 */
const char *dwarf_sections__attribute_string(
	const struct dwarf_sections *sections, Dwarf_Attribute *attribute);

/* The string at @offset of a section of strings, or NULL. */
static inline const char *dwarf_sections__string(const struct bytes *section, uint64_t offset)
{
	return offset < bytes__left(section) ? (const char *)section->at + offset : NULL;
}

#endif
