/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/dwarf_line_program.h"

#include <dwarf.h>
#include <errno.h>

/* The largest units known have some 2 million rows. */
#define MAX_ROWS (16u << 20)

/* The registers of the state machine that matter here, and the sequence that is being made. */
struct machine {
	const struct line_header *header;
	struct dwarf_lines *lines;
	struct bytes code;
	uint64_t address;
	uint64_t file;
	uint64_t line;
	uint64_t column;
	uint32_t first_row;
};

static void reset(struct machine *m)
{
	m->address = 0;
	m->file = 1;
	m->line = 1;
	m->column = 0;
	m->first_row = m->lines->rows.size;
}

static int add_row(struct machine *m)
{
	struct line_row row = {m->address, m->file, m->line, m->column};

	if (m->lines->rows.size >= MAX_ROWS)
		return -EINVAL;
	return vec_push(&m->lines->rows, row);
}

/* The last row of a sequence only tells where its code ends. */
static int end_sequence(struct machine *m)
{
	struct dwarf_lines *lines = m->lines;
	uint32_t count = lines->rows.size - m->first_row;
	int error = 0;

	if (count) {
		uint64_t start = lines->rows.data[m->first_row].address;

		error = range_index__add(
			&lines->ranges, start, m->address, 0, lines->sequences.size);
		if (!error)
			error = vec_push(
				&lines->sequences, (struct line_sequence){m->first_row, count});
	}
	reset(m);
	return error;
}

static int run_extended(struct machine *m)
{
	uint64_t length = bytes__uleb(&m->code);
	struct bytes operands = m->code;

	if (!length || !bytes__skip(&m->code, length))
		return -EINVAL;
	operands.end = m->code.at;
	switch (bytes__number(&operands, 1)) {
	case DW_LNE_end_sequence:
		return end_sequence(m);
	case DW_LNE_set_address:
		m->address = bytes__number(&operands, bytes__left(&operands));
		return 0;
	default: /* discriminators, and what a later version may bring */
		return 0;
	}
}

static void advance(struct machine *m, uint64_t instructions)
{
	m->address += instructions * m->header->minimum_instruction_length;
}

static int run_special(struct machine *m, uint8_t opcode)
{
	uint8_t adjusted = opcode - m->header->opcode_base;

	advance(m, adjusted / m->header->line_range);
	m->line += m->header->line_base + adjusted % m->header->line_range;
	return add_row(m);
}

static int run_standard(struct machine *m, uint8_t opcode)
{
	switch (opcode) {
	case DW_LNS_copy:
		return add_row(m);
	case DW_LNS_advance_pc:
		advance(m, bytes__uleb(&m->code));
		return 0;
	case DW_LNS_advance_line:
		m->line += bytes__sleb(&m->code);
		return 0;
	case DW_LNS_set_file:
		m->file = bytes__uleb(&m->code);
		return 0;
	case DW_LNS_set_column:
		m->column = bytes__uleb(&m->code);
		return 0;
	case DW_LNS_const_add_pc:
		advance(m, (255 - m->header->opcode_base) / m->header->line_range);
		return 0;
	case DW_LNS_fixed_advance_pc:
		m->address += bytes__number(&m->code, 2);
		return 0;
	default: /* those without effect on what is kept, and unknown ones: the header has counts */
		for (uint8_t i = 0; i < m->header->opcode_lengths[opcode - 1]; i++)
			bytes__uleb(&m->code);
		return 0;
	}
}

int line_program__run(
	const struct dwarf_sections *sections, struct bytes at, struct dwarf_lines *lines)
{
	struct line_header header = {0};
	struct machine machine = {.header = &header, .lines = lines};
	int error = line_header__read(sections, at, lines, &header);

	machine.code = header.program;
	reset(&machine);
	while (!error && bytes__left(&machine.code)) {
		uint8_t opcode = bytes__number(&machine.code, 1);

		if (opcode >= header.opcode_base)
			error = run_special(&machine, opcode);
		else if (opcode)
			error = run_standard(&machine, opcode);
		else
			error = run_extended(&machine);
	}
	return error;
}
