/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The part of a compilation unit that -gsplit-dwarf leaves in a file of its own, beside the object
 * files (.dwo): functions, what is inlined into them, names. The program itself has a skeleton with
 * addresses and lines. DWARF 5, 3.1.2; for version 4, GNU's "DebugFission". Packages of such files
 * (.dwp) are not read: libdw 0.188 cannot.
 */
#ifndef MEMTRACE_SYMBOLS_SPLIT_UNIT_H
#define MEMTRACE_SYMBOLS_SPLIT_UNIT_H

#include "symbols/dwarf_lines.h"

struct split_unit {
	Dwarf_Die die;
	struct dwarf_sections sections;
	struct dwarf_lines lines; /* for names of files alone */
};

/*
 * Opens what belongs to the unit of @skeleton in the file of @fd; @sections are that file's. libdw
 * maps it for a moment: so its owner must be root, or who runs memtrace.
 * NULL where there is nothing to use. To be closed before the Dwarf.
 */
struct split_unit *split_unit__open(
	Dwarf_Die *skeleton, const struct dwarf_sections *sections, int fd);
void split_unit__close(struct split_unit *unit);

#endif
