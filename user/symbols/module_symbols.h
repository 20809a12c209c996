/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * All that is known of one module's names: its files open, its tables built, each when first
 * needed. Used by symbolizer.c alone.
 */
#ifndef MEMTRACE_SYMBOLS_MODULE_SYMBOLS_H
#define MEMTRACE_SYMBOLS_MODULE_SYMBOLS_H

#include "symbols/debug_file.h"
#include "symbols/dwarf_source.h"
#include "symbols/symbol_table.h"

struct module_symbols;

struct module_symbols_options {
	const debug_dirs *dirs;
	bool dwarf;
	bool libc_dwarf; /* false: not of the C library and the loader */
	int (*download)(const struct build_id *build_id); /* NULL: servers are not asked */
	struct symbol_budget *budget;			  /* begun */
};

/* NULL where memory is short; whatever is missing or corrupt in the files is done without. */
struct module_symbols *module_symbols__new(
	const struct module *module, const struct module_symbols_options *options);
void module_symbols__free(struct module_symbols *symbols);

/* NULL where the module has no DWARF. */
struct dwarf_source *module_symbols__dwarf(struct module_symbols *symbols);
const struct symbol_table *module_symbols__table(struct module_symbols *symbols);

#endif
