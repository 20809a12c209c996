/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * One pass over the bytes of a compilation unit that finds its functions. libdw offers a walk from
 * DIE to DIE; where the compiler leaves out DW_AT_sibling (clang, rustc) that takes some 20 ms for
 * a unit of a large C++ program, this 1 ms. DWARF 5, 7.5.2 (DIEs), 7.5.3 (abbreviations),
 * 7.5.6 (forms).
 */
#ifndef MEMTRACE_SYMBOLS_DWARF_SCAN_H
#define MEMTRACE_SYMBOLS_DWARF_SCAN_H

#include "symbols/dwarf_sections.h"

/*
 * Calls @each with the DIE of every function of @unit, at whatever depth, that has code, until it
 * returns false. Returns 0; -EINVAL where the bytes are not DWARF that is known, in which case some
 * may have been found; -ENOMEM.
 */
int dwarf_scan__functions(const struct dwarf_sections *sections, Dwarf_Die *unit,
	bool (*each)(void *context, Dwarf_Die *function), void *context);

#endif
