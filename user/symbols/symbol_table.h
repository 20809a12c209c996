/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The functions that an ELF file's symbol tables and PLT name, searched by address. Several tables
 * (.symtab of the debug file, .dynsym, MiniDebugInfo) go into one.
 */
#ifndef MEMTRACE_SYMBOLS_SYMBOL_TABLE_H
#define MEMTRACE_SYMBOLS_SYMBOL_TABLE_H

#include "process/elf_file.h"
#include "symbols/budget.h"
#include "symbols/range_index.h"

struct symbol_entry {
	const char *name; /* mangled; the elf_file's */
	uint64_t start;
	uint64_t size; /* 0: unknown */
	uint8_t type;
	uint8_t binding;
	bool is_plt; /* a stub that jumps to `name` */
};

struct symbol_table {
	uint64_t text_start; /* symbols outside are not code */
	uint64_t text_end;
	struct symbol_budget *budget; /* may be NULL */
	VEC(struct symbol_entry) entries;
	struct range_index ranges; /* value: index into entries */
};

/* Adds what @file names. It must live as long as the table. Returns 0 or a negative errno: -E2BIG
 * beyond the budget. */
int symbol_table__add(struct symbol_table *table, struct elf_file *file);

/* To be called once, between the additions and the first search. Returns 0 or -ENOMEM. */
int symbol_table__finish(struct symbol_table *table);

/*
 * The function that holds ELF address @vaddr, or NULL. An address between two functions belongs
 * to none: better no name than a wrong one.
 */
const struct symbol_entry *symbol_table__find(const struct symbol_table *table, uint64_t vaddr);

void symbol_table__free(struct symbol_table *table);

#endif
