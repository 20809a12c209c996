/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any rows over any stack: a walk ends, within its limit. The input is the registers, 64 rows, and
 * then the stack's memory.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT 0x10000
#define STACK 0x7f0000001000ull
#define ROWS 64

struct memory {
	const uint8_t *bytes;
	size_t size;
};

static int read_memory(void *context, void *to, size_t size, uint64_t address)
{
	const struct memory *memory = context;

	if (address < STACK || address - STACK > memory->size ||
		size > memory->size - (address - STACK))
		return -EFAULT;
	memcpy(to, memory->bytes + (address - STACK), size);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct unwind_rare rare = {.base = UNWIND_BX,
		.cfa_offset = 64,
		.derefs = 1,
		.return_offset = -8,
		.bp_offset = -32,
		.bx_base = UNWIND_SP,
		.bx_offset = 8};
	static struct unwind_walk walk;
	uint32_t rules[ROWS];
	uint64_t rows[ROWS];
	struct unwind_table table = {.machine = EM_X86_64,
		.text_start = TEXT,
		.text_end = TEXT + 256 * ROWS,
		.rows = rows,
		.row_count = ROWS,
		.rare = &rare,
		.rare_count = 1};
	struct unwind_mapping mapping = {.start = TEXT, .end = TEXT + 256 * ROWS, .table = &table};
	struct memory memory;
	struct unwind_target target = {
		.mappings = &mapping, .mapping_count = 1, .read = read_memory, .context = &memory};
	uint32_t limit;

	if (size < 40 + sizeof(rules))
		return 0;
	memcpy(&walk, data, 32);
	limit = 1 + data[32] % EVENT_MAX_FRAMES;
	memcpy(rules, data + 40, sizeof(rules));
	for (int i = 0; i < ROWS; i++)
		rows[i] = unwind_row(256 * i, rules[i]);
	memory = (struct memory){data + 40 + sizeof(rules), size - 40 - sizeof(rules)};
	unwind__walk_native(&target, &walk, limit, data[33] & 1);
	if (walk.record.frame_count > limit ||
		walk.record.guessed_frames > walk.record.frame_count ||
		walk.record.header.flags >= STACK_STOP_COUNT)
		abort();
	return 0;
}
