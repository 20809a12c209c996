/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any bytes as an ELF image: the table that comes out is sorted and lies within the text. */
#include <stdlib.h>

#include "unwind/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unwind_table *table;

	if (unwind_table__build_memory(data, size, &table, NULL))
		return 0;
	for (size_t i = 0; i < table->row_count; i++) {
		uint32_t rule = unwind_row_rule(table->rows[i]);

		if (i && unwind_row_pc(table->rows[i]) <= unwind_row_pc(table->rows[i - 1]))
			abort();
		if (unwind_rule_kind(rule) == UNWIND_UNKNOWN ||
			unwind_row_pc(table->rows[i]) > table->text_end - table->text_start)
			abort();
		if (unwind_rule_kind(rule) == UNWIND_RARE &&
			unwind_rule_offset(rule) >= table->rare_count)
			abort();
	}
	unwind_table__find(table, table->text_start);
	unwind_table__find(table, table->text_end - 1);
	unwind_table__free(table);
	return 0;
}
