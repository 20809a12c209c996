/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * From the offset of an instruction to a source line: the three encodings of CPython's line tables.
 * Pure; any bytes will do. Sources: Objects/lnotab_notes.txt (3.9, 3.10), Objects/locations.md
 * (3.11 and newer).
 */
#ifndef MEMTRACE_PYTHON_LINE_TABLE_H
#define MEMTRACE_PYTHON_LINE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The line of the instruction at @offset (bytes) by the @table of a code object of 3.@minor whose
 * co_firstlineno is @first_line. 0: the table gives it none.
 */
uint32_t line_table__find(
	int minor, const uint8_t *table, size_t size, uint32_t first_line, uint32_t offset);

#endif
