/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/table.h"

#include <stdlib.h>

#include "base/search.h"

uint32_t unwind_table__find(const struct unwind_table *table, uint64_t vaddr)
{
	uint64_t pc = vaddr - table->text_start;
	size_t after;

	if (vaddr < table->text_start || vaddr >= table->text_end)
		return UNWIND_NO_RULE;
	after = search_first(table->row_count, i, unwind_row_pc(table->rows[i]) <= pc);
	return after ? unwind_row_rule(table->rows[after - 1]) : UNWIND_NO_RULE;
}

size_t unwind_table__size(const struct unwind_table *table)
{
	return table->row_count * sizeof(*table->rows) + table->rare_count * sizeof(*table->rare);
}

void unwind_table__free(struct unwind_table *table)
{
	if (!table)
		return;
	free(table->storage);
	free(table);
}
