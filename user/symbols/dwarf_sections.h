/* The debug sections whose bytes are read directly; libdw has them in memory, decompressed. */
#ifndef MEMTRACE_SYMBOLS_DWARF_SECTIONS_H
#define MEMTRACE_SYMBOLS_DWARF_SECTIONS_H

#include "symbols/dwarf_cursor.h"

#include <elfutils/libdw.h>

/* Of a section that is not there both pointers are NULL. */
struct dwarf_sections {
	struct dwarf_cursor info;	/* .debug_info */
	struct dwarf_cursor abbrev;	/* .debug_abbrev */
	struct dwarf_cursor line;	/* .debug_line */
	struct dwarf_cursor line_str;	/* .debug_line_str: to its last 0 byte */
	struct dwarf_cursor str;	/* .debug_str: to its last 0 byte */
	struct dwarf_cursor types;	/* .debug_types */
	struct dwarf_cursor shared;	/* .debug_info of the supplementary file */
	struct dwarf_cursor shared_str; /* its .debug_str, to the last 0 byte */
};

/* Finds them; those of before 2015, compressed under the name .zdebug_*, are as not there. */
void dwarf_sections__find(Dwarf *dwarf, struct dwarf_sections *sections);

/*
 * Whether the compressed sections of a file unpack to sizes that real ones may have. libdw unpacks
 * all of them as soon as it opens the file, and a hostile megabyte may become a gigabyte.
 */
bool dwarf_sections__may_unpack(Elf *elf);

/* Those of a file with split units, which are called .debug_*.dwo. */
void dwarf_sections__find_split(Dwarf *dwarf, struct dwarf_sections *sections);

/*
 * The string that @attribute has; NULL where it has none, an empty one, or one that does not end.
 * Valid as long as the Dwarf.
 */
const char *dwarf_sections__attribute_string(
	const struct dwarf_sections *sections, Dwarf_Attribute *attribute);

/* The string at @offset of a section of strings, or NULL. */
static inline const char *dwarf_sections__string(
	const struct dwarf_cursor *section, uint64_t offset)
{
	return offset < cursor__left(section) ? (const char *)section->at + offset : NULL;
}

#endif
