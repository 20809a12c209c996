/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/module_symbols.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "symbols/dwarf_sections.h"
#include "symbols/minidebug.h"

/* An ELF file that names are taken from. */
struct names_file {
	int fd; /* ours; -1: the module's, or an image in memory */
	struct elf_file *elf;
	Elf *debug; /* libdw's view of it, where it has debug information */
};

struct module_symbols {
	const struct module *module;
	struct names_file own;
	struct names_file debug;
	struct names_file alternate;
	struct names_file mini;
	void *mini_image;
	Dwarf *dwarf;
	Dwarf *alternate_dwarf;
	struct dwarf_source *source;
	struct symbol_table table;
	struct symbol_budget *budget;
};

/* Takes over @fd; false where there is nothing to use. */
static bool open_names_file(struct names_file *file, int fd)
{
	if (fd < 0)
		return false;
	file->fd = fd;
	return elf_file__open(fd, &file->elf, NULL) == 0;
}

static void close_names_file(struct names_file *file)
{
	elf_end(file->debug);
	elf_file__close(file->elf);
	if (file->fd >= 0)
		close(file->fd);
}

static bool has_section(const struct names_file *file, const char *name)
{
	const Elf64_Shdr *section = file->elf ? elf_file__section(file->elf, name) : NULL;

	return section && section->sh_type != SHT_NOBITS;
}

static bool has_dwarf(const struct names_file *file)
{
	return has_section(file, ".debug_info") || has_section(file, ".zdebug_info");
}

static void open_debug_file(
	struct module_symbols *symbols, const struct module_symbols_options *options)
{
	const struct module *module = symbols->module;

	if (has_dwarf(&symbols->own))
		return;
	if (open_names_file(
		    &symbols->debug, debug_file__open(module, symbols->own.elf, options->dirs)) ||
		!options->download || module->is_vdso)
		return;
	close_names_file(&symbols->debug);
	symbols->debug.fd = -1;
	symbols->debug.elf = NULL;
	open_names_file(&symbols->debug, options->download(&module->build_id));
}

/* libdw reads through libelf, which reads the file of @fd and does not map it. */
static Dwarf *begin_dwarf(struct module_symbols *symbols, struct names_file *file, int fd)
{
	if (!dwarf_sections__may_unpack(file->elf))
		return NULL;
	if (!budget__has_time(symbols->budget) ||
		!budget__take(symbols->budget, dwarf_sections__memory(file->elf))) {
		budget__tell(symbols->budget, symbols->module->path);
		return NULL;
	}
	elf_version(EV_CURRENT);
	file->debug = elf_begin(fd, ELF_C_READ, NULL);
	return file->debug ? dwarf_begin_elf(file->debug, DWARF_C_READ, NULL) : NULL;
}

/* The file that dwz made of what several have in common; without it names would be garbage. */
static bool open_alternate(
	struct module_symbols *symbols, struct elf_file *file, const debug_dirs *dirs)
{
	int fd = debug_file__open_alternate(file, dirs);

	if (fd == 0)
		return true;
	if (!open_names_file(&symbols->alternate, fd)) {
		log__debug("%s: its debug information refers to a file that is not installed",
			symbols->module->path);
		return false;
	}
	symbols->alternate_dwarf = begin_dwarf(symbols, &symbols->alternate, fd);
	return symbols->alternate_dwarf != NULL;
}

static void open_dwarf(struct module_symbols *symbols, const debug_dirs *dirs)
{
	struct names_file *file = has_dwarf(&symbols->own) ? &symbols->own : &symbols->debug;
	const struct module *module = symbols->module;
	int fd = file->fd >= 0 ? file->fd : module->fd;

	if (!has_dwarf(file) || !open_alternate(symbols, file->elf, dirs))
		return;
	symbols->dwarf = begin_dwarf(symbols, file, fd);
	if (!symbols->dwarf) {
		log__debug("%s: its debug information cannot be used", module->path);
		return;
	}
	if (symbols->alternate_dwarf)
		dwarf_setalt(symbols->dwarf, symbols->alternate_dwarf);
	symbols->source =
		dwarf_source__new(symbols->dwarf, fd, module->text_start, module->text_end);
}

static int open_mini(struct module_symbols *symbols)
{
	size_t size;

	if (minidebug__unpack(symbols->own.elf, &symbols->mini_image, &size))
		return 0;
	if (elf_file__open_memory(symbols->mini_image, size, &symbols->mini.elf, NULL))
		return 0;
	if (!budget__take(symbols->budget, size))
		return -E2BIG;
	return symbol_table__add(&symbols->table, symbols->mini.elf);
}

/* Adds what a file names, reading no more of it than the budget allows; no file, no names. */
static int add_names(struct module_symbols *symbols, struct elf_file *file)
{
	struct symbol_budget *budget = symbols->budget;
	uint64_t before = file ? elf_file__read_bytes(file) : 0;
	int err;

	if (!file)
		return 0;
	elf_file__set_limit(file, budget->bytes_left);
	err = symbol_table__add(&symbols->table, file);
	if (elf_file__was_limited(file) ||
		!budget__take(budget, elf_file__read_bytes(file) - before))
		err = err ? err : -E2BIG;
	return err;
}

/* Half a table would give wrong names: beyond the budget there is none. */
static int fill_table(struct module_symbols *symbols)
{
	int err;

	symbols->table.text_start = symbols->module->text_start;
	symbols->table.text_end = symbols->module->text_end;
	symbols->table.budget = symbols->budget;
	err = budget__has_time(symbols->budget) ? add_names(symbols, symbols->own.elf) : -E2BIG;
	if (!err)
		err = add_names(symbols, symbols->debug.elf);
	if (!err)
		err = open_mini(symbols);
	if (err == -E2BIG) {
		budget__tell(symbols->budget, symbols->module->path);
		symbol_table__free(&symbols->table);
		return 0;
	}
	return err ? err : symbol_table__finish(&symbols->table);
}

static bool is_c_library(const char *path)
{
	static const char *const prefixes[] = {
		"libc.so.6", "libc-2.", "libpthread", "ld-linux", "ld-2.", "ld-musl", "libc.musl"};
	const char *name = text__base_name(path);

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

struct module_symbols *module_symbols__new(
	const struct module *module, const struct module_symbols_options *options)
{
	struct module_symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return NULL;
	symbols->module = module;
	symbols->budget = options->budget;
	symbols->own.fd = symbols->debug.fd = symbols->alternate.fd = symbols->mini.fd = -1;
	if (elf_file__open(module->fd, &symbols->own.elf, NULL))
		return symbols;
	open_debug_file(symbols, options);
	if (options->dwarf && (options->libc_dwarf || !is_c_library(module->path)))
		open_dwarf(symbols, options->dirs);
	if (fill_table(symbols)) {
		module_symbols__free(symbols);
		return NULL;
	}
	return symbols;
}

void module_symbols__free(struct module_symbols *symbols)
{
	if (!symbols)
		return;
	dwarf_source__free(symbols->source);
	symbol_table__free(&symbols->table);
	dwarf_end(symbols->dwarf);
	dwarf_end(symbols->alternate_dwarf);
	close_names_file(&symbols->own);
	close_names_file(&symbols->debug);
	close_names_file(&symbols->alternate);
	close_names_file(&symbols->mini);
	free(symbols->mini_image);
	free(symbols);
}

struct dwarf_source *module_symbols__dwarf(struct module_symbols *symbols)
{
	return symbols->source;
}

const struct symbol_table *module_symbols__table(struct module_symbols *symbols)
{
	return &symbols->table;
}
