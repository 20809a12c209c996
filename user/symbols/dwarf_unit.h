/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The functions of one DWARF compilation unit and what is inlined into each, as ranges of
 * addresses. Used by dwarf_source.c alone.
 */
#ifndef MEMTRACE_SYMBOLS_DWARF_UNIT_H
#define MEMTRACE_SYMBOLS_DWARF_UNIT_H

#include <elfutils/libdw.h>

#include "symbols/dwarf_lines.h"
#include "symbols/dwarf_scan.h"
#include "symbols/range_index.h"
#include "symbols/split_unit.h"

/* A DW_TAG_inlined_subroutine inside a function. */
struct dwarf_inline {
	Dwarf_Die die;
	uint32_t depth; /* 1: inlined into the function itself */
};

struct dwarf_function {
	Dwarf_Die die;
	uint64_t start; /* lowest address */
	bool inlines_read;
	struct range_index ranges; /* rank: depth, value: index into inlines */
	VEC(struct dwarf_inline) inlines;
};

struct dwarf_unit {
	Dwarf_Die die;
	bool functions_read;
	bool lines_read;
	bool is_skeleton;	   /* functions are in a file of their own */
	struct split_unit *split;  /* there; NULL: not found */
	struct range_index ranges; /* value: index into functions */
	VEC(struct dwarf_function) functions;
	struct dwarf_lines lines;
};

/*
 * The function of @unit that holds @address, or NULL. Reads the unit when it is first asked; @fd is
 * the file that it is in, whose @sections those are.
 */
struct dwarf_function *dwarf_unit__find_function(
	struct dwarf_unit *unit, const struct dwarf_sections *sections, int fd, uint64_t address);

/* Where the strings of the unit's functions are, and the files that their calls are in. */
const struct dwarf_sections *dwarf_unit__function_sections(
	struct dwarf_unit *unit, const struct dwarf_sections *sections);
struct dwarf_lines *dwarf_unit__function_files(struct dwarf_unit *unit);

/* The unit's line table, read when it is first asked for; empty where there is none. */
struct dwarf_lines *dwarf_unit__lines(
	struct dwarf_unit *unit, const struct dwarf_sections *sections);

/* Reads what is inlined into @function, unless it is read already. */
void dwarf_function__read_inlines(struct dwarf_function *function);

/* Calls @each for every address range of @die until it returns false. */
void dwarf__each_range(
	Dwarf_Die *die, bool (*each)(void *context, uint64_t start, uint64_t end), void *context);

void dwarf_unit__free(struct dwarf_unit *unit);

#endif
