/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The header of a line table and the program that makes its rows. Used by dwarf_lines.c alone. */
#ifndef MEMTRACE_SYMBOLS_DWARF_LINE_PROGRAM_H
#define MEMTRACE_SYMBOLS_DWARF_LINE_PROGRAM_H

#include "symbols/dwarf_lines.h"

/* What a header says of its program: DWARF 5, 6.2.4. */
struct line_header {
	uint8_t offset_size; /* 4 or 8 */
	uint8_t address_size;
	uint8_t minimum_instruction_length;
	int8_t line_base;
	uint8_t line_range;
	uint8_t opcode_base;
	const uint8_t *opcode_lengths; /* of opcode 1, 2... */
	struct bytes program;
};

/* Reads the header at @at, directories and files into @lines. 0, -EINVAL or -ENOMEM. */
int line_header__read(const struct dwarf_sections *sections, struct bytes at,
	struct dwarf_lines *lines, struct line_header *header);

/* Reads the table at @at into @lines. Returns 0, -EINVAL or -ENOMEM. */
int line_program__run(
	const struct dwarf_sections *sections, struct bytes at, struct dwarf_lines *lines);

#endif
