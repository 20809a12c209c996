/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Any bytes as .eh_frame and as .debug_frame of both machines: rows ascend, stay inside of their
 * function, and the work stays within its budget.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "unwind/cfi_program.h"
#include "unwind/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rows {
	struct rule_packer packer;
	const struct cfi_fde *fde;
	uint64_t last;
	bool any;
};

static int take_row(void *context, uint64_t start, const struct cfi_state *state)
{
	struct rows *rows = context;

	if (start < rows->fde->start || start >= rows->fde->end ||
		(rows->any && start <= rows->last))
		abort();
	rows->any = true;
	rows->last = start;
	if (state)
		rule_packer__pack(&rows->packer, state, rows->fde->cie.is_signal_frame);
	return 0;
}

static void run_section(const struct elf_bytes *bytes, bool is_debug_frame, uint16_t machine)
{
	struct cfi_iterator it = {.section = {.bytes = bytes, .is_debug_frame = is_debug_frame}};
	struct cfi_program program = {.machine = machine, .budget = 64 * bytes->size};
	struct rows rows = {.packer = {.machine = machine}};
	struct cfi_fde fde;
	int ret = 0;

	while (ret != -E2BIG && cfi__next_fde(&it, &fde)) {
		rows.fde = &fde;
		rows.any = false;
		ret = cfi_program__run(&program, &fde, take_row, &rows);
	}
	vec_free(&rows.packer.rare);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_bytes bytes = {.data = (uint8_t *)data, .size = size, .vaddr = 0x400000};

	run_section(&bytes, false, EM_X86_64);
	run_section(&bytes, true, EM_X86_64);
	run_section(&bytes, false, EM_AARCH64);
	return 0;
}
