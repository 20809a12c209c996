/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/symbol_table.h"

#include <string.h>

#include "process/elf_plt.h"

/* How far a symbol without a size (hand-written assembly) reaches, unless another one follows. */
#define UNSIZED_REACH 4096

/* Of a longer name its beginning is compared: what C++ makes is some 10 KB, a hostile one 100 MB.
 */
#define COMPARED_BYTES 256

/* How often the time is looked at, in symbols. */
#define CHECK_INTERVAL 4096

struct table_filling {
	struct symbol_table *table;
	size_t seen;
	int code;
};

/* Room for one more entry, and for its range later; -E2BIG beyond the budget. */
static int make_room(struct table_filling *addition)
{
	struct symbol_table *table = addition->table;
	size_t grown = table->entries.capacity ? table->entries.capacity * 2 : 64;
	size_t each = sizeof(struct symbol_entry) + sizeof(struct range);

	if (table->budget && addition->seen++ % CHECK_INTERVAL == 0 &&
		!budget__has_time(table->budget))
		return -E2BIG;
	if (table->entries.size < table->entries.capacity)
		return 0;
	if (table->budget && !budget__take(table->budget, (grown - table->entries.capacity) * each))
		return -E2BIG;
	return vec_reserve(&table->entries, grown);
}

/* Only code; "$x" and the like mark kinds of content on arm64 and are not names. */
static bool names_code(const struct symbol_table *table, const struct elf_symbol *s)
{
	if (!s->defined || s->name[0] == '$' || s->value < table->text_start ||
		s->value >= table->text_end)
		return false;
	return s->type == STT_FUNC || s->type == STT_GNU_IFUNC || s->type == STT_NOTYPE;
}

static bool add_symbol(void *context, const struct elf_symbol *s)
{
	struct table_filling *addition = context;

	if (!names_code(addition->table, s))
		return true;
	addition->code = make_room(addition);
	if (!addition->code)
		addition->code =
			vec_push(&addition->table->entries, (struct symbol_entry){.name = s->name,
								    .start = s->value,
								    .size = s->size,
								    .type = s->type,
								    .binding = s->binding});
	return !addition->code;
}

static int add_stubs(struct symbol_table *table, struct elf_file *file)
{
	elf_plt_entries stubs = {0};
	int err = elf_file__plt(file, &stubs);

	vec_for_each (stub, &stubs) {
		if (!err && stub->name)
			err = vec_push(&table->entries, (struct symbol_entry){.name = stub->name,
								.start = stub->address,
								.size = stub->size,
								.type = STT_FUNC,
								.is_plt = true});
	}
	vec_free(&stubs);
	return err;
}

int symbol_table__add(struct symbol_table *table, struct elf_file *file)
{
	struct table_filling addition = {table, 0, 0};
	int err = elf_file__each_symbol(file, ELF_ANY_TABLE, add_symbol, &addition);

	if (!err)
		err = addition.code;
	return err ? err : add_stubs(table, file);
}

/* Underscores that mark an internal alias: 2 for __libc_malloc; 0 for a mangled _ZN... */
static size_t count_underscores(const char *name)
{
	if (name[0] == '_' && (name[1] == 'Z' || name[1] == 'R'))
		return 0;
	size_t count = 0;

	while (count < COMPARED_BYTES && name[count] == '_')
		count++;
	return count;
}

static int binding_order(uint8_t binding)
{
	return binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2;
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* By address; of aliases the one that people know comes first. */
static int compare_entries(const void *left, const void *right)
{
	const struct symbol_entry *a = left, *b = right;
	int order = ORDER(a->start, b->start);

	if (!order)
		order = ORDER(!a->size, !b->size);
	if (!order)
		order = ORDER(a->type == STT_NOTYPE, b->type == STT_NOTYPE);
	if (!order)
		order = ORDER(a->is_plt, b->is_plt);
	if (!order)
		order = ORDER(count_underscores(a->name), count_underscores(b->name));
	if (!order)
		order = ORDER(binding_order(a->binding), binding_order(b->binding));
	if (!order)
		order = ORDER(strnlen(a->name, COMPARED_BYTES), strnlen(b->name, COMPARED_BYTES));
	return order ? order : strncmp(a->name, b->name, COMPARED_BYTES);
}

int symbol_table__finish(struct symbol_table *table)
{
	struct symbol_entry *entries = table->entries.data;
	size_t count = table->entries.size;

	if (count)
		qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 0, next; i < count; i = next) {
		uint64_t start = entries[i].start, end;

		for (next = i + 1; next < count && entries[next].start == start;)
			next++;
		end = start + entries[i].size;
		if (!entries[i].size) {
			end = start + UNSIZED_REACH;
			if (next < count && entries[next].start < end)
				end = entries[next].start;
		}
		if (end > table->text_end || end < start)
			end = table->text_end;
		if (range_index__add(&table->ranges, start, end, entries[i].size != 0, i))
			return -ENOMEM;
	}
	range_index__sort(&table->ranges);
	return 0;
}

const struct symbol_entry *symbol_table__find(const struct symbol_table *table, uint64_t vaddr)
{
	const struct range *range = range_index__find(&table->ranges, vaddr);

	return range ? &table->entries.data[range->value] : NULL;
}

void symbol_table__free(struct symbol_table *table)
{
	vec_free(&table->entries);
	range_index__free(&table->ranges);
}
