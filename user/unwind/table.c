#include "unwind/table.h"

#include <stdlib.h>

uint32_t unwind_table__find(const struct unwind_table *table, uint64_t vaddr)
{
	size_t low = 0, high = table->row_count;
	uint64_t pc = vaddr - table->text_start;

	if (vaddr < table->text_start || vaddr >= table->text_end)
		return UNWIND_NO_RULE;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (unwind_row_pc(table->rows[middle]) <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? unwind_row_rule(table->rows[low - 1]) : UNWIND_NO_RULE;
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
