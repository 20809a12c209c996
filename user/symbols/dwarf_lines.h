/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The line table of one compilation unit: from an address to file, line and column. Read directly,
 * not by libdw, which takes several times as long, and with some hostile tables reads past the end
 * of its strings. DWARF 5, 6.2; versions 2 to 5.
 */
#ifndef MEMTRACE_SYMBOLS_DWARF_LINES_H
#define MEMTRACE_SYMBOLS_DWARF_LINES_H

#include "symbols/dwarf_sections.h"
#include "symbols/range_index.h"

struct line_row {
	uint64_t address;
	uint32_t file; /* index into the files, as the table's version counts */
	uint32_t line;
	uint32_t column;
};

/* Rows of consecutive code: those from `first`, `count` of them. */
struct line_sequence {
	uint32_t first;
	uint32_t count;
};

struct line_file {
	const char *name;
	const char *directory; /* NULL: that of the compilation */
	char *path;	       /* built when it is first asked for */
};

struct dwarf_lines {
	const char *compilation_directory; /* may be NULL */
	uint16_t version;
	VEC(const char *) directories; /* by the table's index; 0 is the compilation directory */
	VEC(struct line_file) files;   /* by the table's index: before version 5 the first is 1 */
	VEC(struct line_row) rows;
	VEC(struct line_sequence) sequences;
	struct range_index ranges; /* value: index into sequences */
};

/*
 * Reads the table of @unit into @lines, which the caller frees also after an error. Returns 0,
 * -ENOENT where the unit has none, -EINVAL where it is malformed (rows read until then count), or
 * -ENOMEM.
 */
int dwarf_lines__read(
	const struct dwarf_sections *sections, Dwarf_Die *unit, struct dwarf_lines *lines);

/* The row for @address, or NULL. */
const struct line_row *dwarf_lines__find(const struct dwarf_lines *lines, uint64_t address);

/* The path of file @index: absolute, if recorded so. Owned by @lines; NULL: unknown. */
const char *dwarf_lines__path(struct dwarf_lines *lines, uint64_t index);

void dwarf_lines__free(struct dwarf_lines *lines);

#endif
