/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The symbol tables of an ELF file: all of one, or many names at once. */
#include <string.h>

#include "base/hash.h"
#include "process/elf_file.h"

struct table {
	struct elf_symtab tab;
	const Elf64_Half *versions;
	size_t version_count;
	uint8_t kind;
};

/* Set in .gnu.version for all but the default version of a name; LSB 5.0, 10.7.2. */
#define VERSION_HIDDEN 0x8000

bool elf_file__symtab(struct elf_file *file, enum elf_table kind, struct elf_symtab *out)
{
	const Elf64_Shdr *section =
		elf_file__section_of_type(file, kind == ELF_DYNSYM ? SHT_DYNSYM : SHT_SYMTAB);

	*out = (struct elf_symtab){0};
	if (!section)
		return false;
	out->symbols = elf_file__section_items(file, section, sizeof(Elf64_Sym), &out->count);
	out->names = elf_file__section_strings(file, elf_file__section_at(file, section->sh_link));
	return out->symbols && out->names.text;
}

static bool load_table(struct elf_file *file, enum elf_table kind, struct table *table)
{
	*table = (struct table){.kind = kind};
	if (!elf_file__symtab(file, kind, &table->tab))
		return false;
	if (kind == ELF_DYNSYM)
		table->versions = elf_file__section_items(file,
			elf_file__section_of_type(file, SHT_GNU_versym), sizeof(Elf64_Half),
			&table->version_count);
	return true;
}

/* False for a symbol without a proper name. */
static bool load_symbol(const struct table *table, size_t i, struct elf_symbol *out)
{
	const Elf64_Sym *s = &table->tab.symbols[i];
	const char *name = elf_strings__at(&table->tab.names, s->st_name);

	if (!s->st_name || !*name)
		return false;
	*out = (struct elf_symbol){
		.name = name,
		.value = s->st_value,
		.size = s->st_size,
		.type = ELF64_ST_TYPE(s->st_info),
		.binding = ELF64_ST_BIND(s->st_info),
		.table = table->kind,
		.defined = s->st_shndx != SHN_UNDEF,
		.old_version = i < table->version_count && table->versions[i] & VERSION_HIDDEN,
	};
	return true;
}

int elf_file__each_symbol(
	struct elf_file *file, unsigned int tables, elf_symbol_fn each, void *context)
{
	static const enum elf_table order[] = {ELF_DYNSYM, ELF_SYMTAB};
	struct elf_symbol symbol;
	struct table table;

	for (size_t t = 0; t < 2; t++) {
		if (!(tables & order[t]) || !load_table(file, order[t], &table))
			continue;
		for (size_t i = 1; i < table.tab.count; i++)
			if (load_symbol(&table, i, &symbol) && !each(context, &symbol))
				return 0;
	}
	return 0;
}

/*
 * The wanted names as a hash table of chains, with a bitmap before it of what their first bytes
 * hash to: nearly every symbol of a library is turned away by one load.
 */
#define BITMAP_BITS 4096
#define PREFIX_BYTES 5

struct finder {
	struct elf_wanted *wanted;
	uint32_t *buckets; /* index into wanted + 1 */
	uint32_t *next;
	size_t mask;
	size_t longest; /* of the names: no more of a symbol's is looked at */
	int found;
	uint64_t bitmap[BITMAP_BITS / 64];
};

static uint64_t hash_name(const char *name, size_t limit)
{
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */

	for (size_t i = 0; i < limit && name[i]; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3ull;
	return hash_mix(hash);
}

static int prepare_finder(struct finder *f, struct elf_wanted *wanted, size_t count)
{
	size_t size = 16;

	while (size < 2 * count)
		size *= 2;
	*f = (struct finder){.wanted = wanted, .mask = size - 1};
	f->buckets = calloc(size, sizeof(*f->buckets));
	f->next = calloc(count + 1, sizeof(*f->next));
	if (!f->buckets || !f->next)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t bucket = hash_name(wanted[i].name, SIZE_MAX) & f->mask;
		size_t length = strlen(wanted[i].name);
		size_t bit = hash_name(wanted[i].name, PREFIX_BYTES) % BITMAP_BITS;

		f->longest = length > f->longest ? length : f->longest;
		wanted[i].found = false;
		f->next[i] = f->buckets[bucket];
		f->buckets[bucket] = i + 1;
		f->bitmap[bit / 64] |= 1ull << bit % 64;
	}
	return 0;
}

static bool is_better(const struct elf_symbol *candidate, const struct elf_symbol *known)
{
	if (candidate->old_version != known->old_version)
		return known->old_version;
	if (candidate->table != known->table)
		return candidate->table == ELF_DYNSYM;
	return known->binding == STB_LOCAL && candidate->binding != STB_LOCAL;
}

static bool match_symbol(void *context, const struct elf_symbol *symbol)
{
	struct finder *f = context;
	size_t bit = hash_name(symbol->name, PREFIX_BYTES) % BITMAP_BITS;

	if (!symbol->defined || !(f->bitmap[bit / 64] >> bit % 64 & 1))
		return true;
	for (uint32_t i = f->buckets[hash_name(symbol->name, f->longest + 1) & f->mask]; i;
		i = f->next[i - 1]) {
		struct elf_wanted *w = &f->wanted[i - 1];

		if (strcmp(w->name, symbol->name) != 0)
			continue;
		f->found += !w->found;
		if (!w->found || is_better(symbol, &w->symbol))
			w->symbol = *symbol;
		w->found = true;
	}
	return true;
}

int elf_file__find_symbols(
	struct elf_file *file, unsigned int tables, struct elf_wanted *wanted, size_t count)
{
	struct finder finder;
	int err = prepare_finder(&finder, wanted, count);

	if (!err)
		err = elf_file__each_symbol(file, tables, match_symbol, &finder);
	free(finder.buckets);
	free(finder.next);
	return err ? err : finder.found;
}
