/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/module_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "process/elf_file.h"
#include "symbols/debug_file.h"
#include "symbols/demangle.h"
#include "symbols/range_index.h"

/* A C library is smaller; its banner lies in the first part, .rodata. */
#define BANNER_SEARCH_BYTES (8u << 20)

struct variable {
	char *name; /* demangled, printable */
	uint64_t start;
};

struct module_facts {
	const struct module *module;
	struct unwind_store *store;
	const struct unwind_table *table;
	bool table_tried;
	bool variables_read;
	VEC(struct variable) variables;
	struct range_index ranges; /* value: index into variables */
	bool libc_known;
	int libc_minor;
	bool static_tried;
	bool python_tried;
	bool has_python;
	struct python_runtime python;
	enum lock_libc static_libc; /* the C library that is linked into this program */
};

struct module_facts *module_facts__new(const struct module *module, struct unwind_store *store)
{
	struct module_facts *facts = calloc(1, sizeof(*facts));

	if (facts) {
		facts->module = module;
		facts->store = store;
	}
	return facts;
}

void module_facts__free(struct module_facts *facts)
{
	if (!facts)
		return;
	vec_for_each (variable, &facts->variables)
		free(variable->name);
	vec_free(&facts->variables);
	range_index__free(&facts->ranges);
	free(facts);
}

const struct unwind_table *module_facts__table(struct module_facts *facts)
{
	if (!facts->table_tried)
		facts->table = unwind_store__table(facts->store, facts->module);
	facts->table_tried = true;
	return facts->table;
}

bool module_facts__has_tried_table(const struct module_facts *facts)
{
	return facts->table_tried;
}

static bool add_variable(void *context, const struct elf_symbol *symbol)
{
	struct module_facts *facts = context;
	struct variable variable = {.start = symbol->value};

	if (!symbol->defined || symbol->type != STT_OBJECT || !symbol->size)
		return true;
	variable.name = demangle__symbol(symbol->name);
	if (!variable.name)
		variable.name = strdup(symbol->name);
	if (!variable.name)
		return false;
	text__make_printable(variable.name);
	if (vec_push(&facts->variables, variable)) {
		free(variable.name);
		return false;
	}
	/* Aliases: what the program's author wrote is mostly global. */
	return !range_index__add(&facts->ranges, symbol->value, symbol->value + symbol->size,
		symbol->binding == STB_GLOBAL, facts->variables.size - 1);
}

/* Variables of the separate debug file too: most libraries come stripped. */
static void read_debug_variables(struct module_facts *facts, struct elf_file *file)
{
	debug_dirs directories = {0};
	struct elf_file *debug;
	int fd;

	if (vec_push(&directories, "/usr/lib/debug"))
		return;
	fd = debug_file__open(facts->module, file, &directories);
	vec_free(&directories);
	if (fd < 0)
		return;
	if (elf_file__open(fd, &debug, NULL) == 0) {
		elf_file__each_symbol(debug, ELF_SYMTAB, add_variable, facts);
		elf_file__close(debug);
	}
	close(fd);
}

static void read_variables(struct module_facts *facts)
{
	struct elf_file *file;

	if (facts->variables_read)
		return;
	facts->variables_read = true;
	if (elf_file__open(facts->module->fd, &file, NULL))
		return;
	elf_file__each_symbol(file, ELF_ANY_TABLE, add_variable, facts);
	read_debug_variables(facts, file);
	elf_file__close(file);
	range_index__sort(&facts->ranges);
}

const char *module_facts__variable(struct module_facts *facts, uint64_t vaddr, uint64_t *offset)
{
	const struct range *range;

	read_variables(facts);
	range = range_index__find(&facts->ranges, vaddr);
	if (!range)
		return NULL;
	*offset = vaddr - range->start;
	return facts->variables.data[range->value].name;
}

uint64_t module_facts__find_variable(struct module_facts *facts, const char *name)
{
	read_variables(facts);
	vec_for_each (variable, &facts->variables)
		if (!strcmp(variable->name, name))
			return variable->start;
	return 0;
}

/* "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36." */
static int read_banner(int fd)
{
	char *text = malloc(BANNER_SEARCH_BYTES), *banner, *version;
	int minor = 0;
	ssize_t size;

	if (!text)
		return 0;
	size = pread(fd, text, BANNER_SEARCH_BYTES - 1, 0);
	if (size > 0) {
		text[size] = '\0';
		banner = memmem(text, size, "GNU C Library (", 15);
		version = banner ? strstr(banner, "release version 2.") : NULL;
		if (version)
			minor = atoi(version + strlen("release version 2."));
	}
	free(text);
	return minor;
}

void module_facts__find_static_libc(struct module_facts *facts)
{
	/* What every program has that is linked with them: csu/libc-start.c and libc-tls.c of
	 * glibc, env/__libc_start_main.c of musl. */
	struct elf_wanted wanted[] = {
		{.name = "__libc_setup_tls"},
		{.name = "__init_libc"},
	};
	struct elf_file *file;

	if (facts->static_tried)
		return;
	facts->static_tried = true;
	if (elf_file__open(facts->module->fd, &file, NULL))
		return;
	if (!elf_file__segment(file, PT_INTERP) && !elf_file__soname(file) &&
		elf_file__find_symbols(file, ELF_SYMTAB, wanted, 2) > 0)
		facts->static_libc = wanted[0].found ? LIBC_GLIBC : LIBC_MUSL;
	elf_file__close(file);
}

enum lock_libc module_facts__libc(struct module_facts *facts, int *minor)
{
	const char *name = facts->module->name;

	*minor = 0;
	/* Where the loader is a link to it, musl is libc.so; glibc always has a number behind. */
	if (!strncmp(name, "ld-musl", 7) || !strncmp(name, "libc.musl", 9) ||
		!strcmp(name, "libc.so"))
		return LIBC_MUSL;
	if (facts->static_libc != LIBC_UNKNOWN)
		return facts->static_libc;
	if (strncmp(name, "libc.so.6", 9) && strncmp(name, "libc-2.", 7))
		return LIBC_UNKNOWN;
	if (!facts->libc_known)
		facts->libc_minor = read_banner(facts->module->fd);
	facts->libc_known = true;
	*minor = facts->libc_minor;
	return LIBC_GLIBC;
}

const struct python_runtime *module_facts__python(struct module_facts *facts)
{
	if (!facts->python_tried)
		facts->has_python =
			python_runtime__find(facts->module, &facts->python) && facts->python.layout;
	facts->python_tried = true;
	return facts->has_python ? &facts->python : NULL;
}
