/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/candidates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/search.h"

/* Longer than any name that is looked for, prefixes included: of a longer one nothing is read. */
#define MAX_NAME 128

struct collector {
	struct candidates *out;
	const struct elf_view *view;
	bool any_local;
	const char *prefix;
	int error;
};

static bool is_function(const struct elf_view *view, const Elf64_Sym *symbol)
{
	int type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
	       elf_view__is_code(view, symbol->st_value);
}

static void add(struct collector *collector, const struct allocator_function *function,
	const char *prefix, const Elf64_Sym *symbol)
{
	struct candidate candidate = {function, symbol->st_value, symbol->st_size, ""};

	if (!is_function(collector->view, symbol))
		return;
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC) {
		if (vec_push(&collector->out->indirect, function))
			collector->error = -ENOMEM;
		return;
	}
	snprintf(candidate.name, sizeof(candidate.name), "%s%s", prefix, function->name);
	if (vec_push(&collector->out->list, candidate))
		collector->error = -ENOMEM;
}

static void look_up_prefixed(
	struct collector *collector, const struct allocator_function *function, const char *prefix)
{
	char name[96];
	const Elf64_Sym *symbol;

	if (allocators__is_operator(function) ||
		snprintf(name, sizeof(name), "%s%s", prefix, function->name) >= (int)sizeof(name))
		return;
	symbol = elf_view__find_dynamic(collector->view, name);
	if (symbol)
		add(collector, function, prefix, symbol);
}

static void look_up_dynamic(struct collector *collector)
{
	for (size_t i = 0; i < allocators__count(); i++) {
		const struct allocator_function *function = allocators__at(i);
		const Elf64_Sym *symbol = elf_view__find_dynamic(collector->view, function->name);

		if (symbol)
			add(collector, function, "", symbol);
		for (const char *const *prefix = allocators__prefixes(); *prefix; prefix++)
			look_up_prefixed(collector, function, *prefix);
		if (collector->prefix)
			look_up_prefixed(collector, function, collector->prefix);
	}
}

static const struct allocator_function *match_prefixed(
	const struct collector *collector, const char *name, const char **prefix)
{
	const struct allocator_function *function;

	if (collector->prefix) {
		*prefix = collector->prefix;
		function = allocators__find_prefixed(name, *prefix);
		if (function)
			return function;
	}
	for (const char *const *known = allocators__prefixes(); *known; known++) {
		*prefix = *known;
		function = allocators__find_prefixed(name, *prefix);
		if (function)
			return function;
	}
	return NULL;
}

/*
 * A local function may be called malloc and be something else (a method table, a test double), so
 * of the local ones only those count that have a name nobody else uses.
 */
static void scan_symtab(struct collector *collector)
{
	struct elf_symtab table;

	if (!elf_view__symtab(collector->view, &table))
		return;
	for (size_t i = 0; i < table.count; i++) {
		const Elf64_Sym *symbol = &table.symbols[i];
		const char *name, *prefix = "";
		const struct allocator_function *function;

		if (!is_function(collector->view, symbol))
			continue;
		name = elf_symtab__name(&table, symbol);
		if (strnlen(name, MAX_NAME) == MAX_NAME)
			continue;
		function = allocators__find(name);
		if (function && !collector->any_local && !function->distinctive &&
			ELF64_ST_BIND(symbol->st_info) == STB_LOCAL)
			continue;
		if (!function)
			function = match_prefixed(collector, name, &prefix);
		if (function)
			add(collector, function, prefix, symbol);
	}
}

static int compare(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	/* Of names for one address the table's first is kept; the table is one array. */
	if (left->function != right->function)
		return left->function < right->function ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void keep_one_per_address(struct candidates *candidates)
{
	size_t kept = 0;

	if (!candidates->list.size)
		return;
	qsort(candidates->list.data, candidates->list.size, sizeof(struct candidate), compare);
	for (size_t i = 1; i < candidates->list.size; i++) {
		struct candidate *last = &candidates->list.data[kept];

		if (candidates->list.data[i].address != last->address)
			candidates->list.data[++kept] = candidates->list.data[i];
		else if (!last->size)
			last->size = candidates->list.data[i].size;
	}
	candidates->list.size = kept + 1;
}

int candidates__collect(struct candidates *out, const struct elf_view *view, bool symtab,
	bool any_local, const char *prefix)
{
	struct collector collector = {out, view, any_local, prefix, 0};

	look_up_dynamic(&collector);
	if (symtab)
		scan_symtab(&collector);
	keep_one_per_address(out);
	return collector.error;
}

void candidates__free(struct candidates *candidates)
{
	vec_free(&candidates->list);
	vec_free(&candidates->indirect);
}

const struct allocator_function *candidates__function_at(void *context, uint64_t address)
{
	const struct candidates *candidates = context;
	const struct candidate *list = candidates->list.data;
	size_t i = search_first(candidates->list.size, n, list[n].address < address);

	return i < candidates->list.size && list[i].address == address ? list[i].function : NULL;
}

uint64_t candidates__find_function(const struct elf_view *view, const char *name, bool symtab)
{
	const Elf64_Sym *symbol = elf_view__find_dynamic(view, name);
	struct elf_symtab table;

	if (symbol && is_function(view, symbol))
		return symbol->st_value;
	if (!symtab || !elf_view__symtab(view, &table))
		return 0;
	for (size_t i = 0; i < table.count; i++)
		if (is_function(view, &table.symbols[i]) &&
			!strcmp(elf_symtab__name(&table, &table.symbols[i]), name))
			return table.symbols[i].st_value;
	return 0;
}

bool candidates__is_static_stripped(const struct elf_view *view)
{
	struct elf_symtab table;
	bool has_loader = false;

	for (size_t i = 0; i < view->segment_count; i++)
		if (view->segments[i].p_type == PT_INTERP)
			has_loader = true;
	return !has_loader && !view->soname && !view->gnu_hash && !view->sysv_hash &&
	       !elf_view__symtab(view, &table);
}
