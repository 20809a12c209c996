/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/elf_view.h"

#include <errno.h>
#include <string.h>

const uint8_t *elf_view__at(const struct elf_view *view, uint64_t address, size_t *available)
{
	return elf_file__at(view->file, address, ELF_VIEW_WINDOW, available);
}

int64_t elf_view__offset(const struct elf_view *view, uint64_t address)
{
	uint64_t offset;

	return elf_file__vaddr_to_offset(view->file, address, &offset) ? (int64_t)offset : -1;
}

bool elf_view__is_code(const struct elf_view *view, uint64_t address)
{
	for (size_t i = 0; i < view->segment_count; i++) {
		const Elf64_Phdr *segment = &view->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X &&
			address >= segment->p_vaddr &&
			address - segment->p_vaddr < segment->p_filesz)
			return true;
	}
	return false;
}

/* The name at @offset of the dynamic string table; "" if it is out of bounds. */
static const char *dynamic_name(const struct elf_view *view, uint32_t offset)
{
	return elf_strings__at(&view->strings, offset);
}

static void read_dynamic(struct elf_view *view)
{
	struct elf_dynamic dynamic;
	uint64_t soname;

	if (!elf_file__dynamic(view->file, &dynamic))
		return;
	view->strings = dynamic.strings;
	view->symtab = elf_dynamic__value(&dynamic, DT_SYMTAB, 0);
	view->gnu_hash = elf_dynamic__value(&dynamic, DT_GNU_HASH, 0);
	view->sysv_hash = elf_dynamic__value(&dynamic, DT_HASH, 0);
	view->rela = elf_dynamic__value(&dynamic, DT_RELA, 0);
	view->rela_size = elf_dynamic__value(&dynamic, DT_RELASZ, 0);
	view->jmprel = elf_dynamic__value(&dynamic, DT_JMPREL, 0);
	view->jmprel_size = elf_dynamic__value(&dynamic, DT_PLTRELSZ, 0);
	soname = elf_dynamic__value(&dynamic, DT_SONAME, UINT64_MAX);
	if (soname <= UINT32_MAX)
		view->soname = dynamic_name(view, soname);
}

int elf_view__open(struct elf_view *view, int fd, struct error *error)
{
	int err;

	*view = (struct elf_view){0};
	err = elf_file__open(fd, &view->file, error);
	if (err)
		return err;
	view->header = elf_file__header(view->file);
	view->segments = elf_file__segments(view->file, &view->segment_count);
	read_dynamic(view);
	return 0;
}

void elf_view__close(struct elf_view *view)
{
	elf_file__close(view->file);
	*view = (struct elf_view){0};
}

bool elf_view__symtab(const struct elf_view *view, struct elf_symtab *out)
{
	return elf_file__symtab(view->file, ELF_SYMTAB, out);
}

const char *elf_symtab__name(const struct elf_symtab *table, const Elf64_Sym *symbol)
{
	return elf_strings__at(&table->names, symbol->st_name);
}

/* The @size bytes at @address + @offset, or NULL. */
static const void *item_at(
	const struct elf_view *view, uint64_t address, uint64_t offset, size_t size)
{
	size_t available;
	const uint8_t *item = elf_file__at(view->file, address + offset, size, &available);

	return item && available == size && (uintptr_t)item % (size < 8 ? size : 8) == 0 ? item
											 : NULL;
}

static const Elf64_Sym *symbol_at(const struct elf_view *view, uint32_t index)
{
	return item_at(view, view->symtab, (uint64_t)index * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
}

/* --- hash tables of names (gABI chapter 5 "Hash Table"; GNU's as binutils' elflink.c writes it) */

static const Elf64_Sym *dynamic_symbol(
	const struct elf_view *view, uint32_t index, const char *name)
{
	const Elf64_Sym *symbol = symbol_at(view, index);

	if (!symbol || symbol->st_shndx == SHN_UNDEF || !symbol->st_value)
		return NULL;
	return strcmp(dynamic_name(view, symbol->st_name), name) ? NULL : symbol;
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (const uint8_t *p = (const uint8_t *)name; *p; p++)
		hash = hash * 33 + *p;
	return hash;
}

static uint32_t sysv_hash_of(const char *name)
{
	uint32_t hash = 0;

	for (const uint8_t *p = (const uint8_t *)name; *p; p++) {
		hash = (hash << 4) + *p;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	return hash;
}

/* A table of 32-bit words in the file; a word that it does not have is 0. */
struct hash_section {
	const struct elf_view *view;
	uint64_t address;
};

static uint32_t word_at(const struct hash_section *words, uint64_t index)
{
	const uint32_t *word = item_at(words->view, words->address, index * 4, 4);

	return word ? *word : 0;
}

/* The length of a chain that no real file comes near: their tables are made to have short ones. */
#define MAX_CHAIN 65536

static const Elf64_Sym *find_by_gnu_hash(const struct elf_view *view, const char *name)
{
	struct hash_section words = {view, view->gnu_hash};
	uint32_t bucket_count = word_at(&words, 0), first_symbol = word_at(&words, 1);
	uint32_t bloom_size = word_at(&words, 2), bloom_shift = word_at(&words, 3) & 31;
	uint32_t hash = gnu_hash_of(name), index, chain;
	uint64_t mask = 1ull << hash % 64 | 1ull << (hash >> bloom_shift) % 64, buckets;
	const uint64_t *bloom;

	if (!bucket_count || !bloom_size)
		return NULL;
	bloom = item_at(view, view->gnu_hash, 16 + hash / 64 % bloom_size * 8ull, 8);
	if (!bloom || (*bloom & mask) != mask)
		return NULL;
	buckets = 4 + 2ull * bloom_size;
	index = word_at(&words, buckets + hash % bucket_count);
	for (uint32_t steps = 0; index >= first_symbol && steps < MAX_CHAIN; index++, steps++) {
		const Elf64_Sym *symbol = NULL;

		chain = word_at(&words, buckets + bucket_count + (index - first_symbol));
		if ((chain | 1) == (hash | 1))
			symbol = dynamic_symbol(view, index, name);
		if (symbol || chain & 1)
			return symbol;
	}
	return NULL;
}

static const Elf64_Sym *find_by_sysv_hash(const struct elf_view *view, const char *name)
{
	struct hash_section words = {view, view->sysv_hash};
	uint32_t bucket_count = word_at(&words, 0), chain_count = word_at(&words, 1), index;

	if (!bucket_count)
		return NULL;
	index = word_at(&words, 2 + sysv_hash_of(name) % bucket_count);
	for (uint32_t steps = 0; index && index < chain_count && steps < MAX_CHAIN; steps++) {
		const Elf64_Sym *symbol = dynamic_symbol(view, index, name);

		if (symbol)
			return symbol;
		index = word_at(&words, 2 + (uint64_t)bucket_count + index);
	}
	return NULL;
}

const Elf64_Sym *elf_view__find_dynamic(const struct elf_view *view, const char *name)
{
	if (!view->symtab || !view->strings.text)
		return NULL;
	if (view->gnu_hash)
		return find_by_gnu_hash(view, name);
	return view->sysv_hash ? find_by_sysv_hash(view, name) : NULL;
}

static bool binds_pointer(const struct elf_view *view, uint32_t type)
{
	if (view->header->e_machine == EM_X86_64)
		return type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT ||
		       type == R_X86_64_64;
	return type == R_AARCH64_GLOB_DAT || type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_ABS64;
}

/* Which relocation is looked for: by its place, or, if that is 0, by its symbol's name. */
struct bound_pointer {
	uint64_t slot;
	const char *name;
};

/* Name of the symbol of the first such relocation in a table, or NULL. */
static const char *bound_in(const struct elf_view *view, uint64_t table, uint64_t table_size,
	const struct bound_pointer *wanted)
{
	size_t available;
	const uint8_t *bytes = elf_file__at(view->file, table, table_size, &available);

	if (!bytes)
		return NULL;
	for (size_t i = 0; i + sizeof(Elf64_Rela) <= available; i += sizeof(Elf64_Rela)) {
		const Elf64_Sym *symbol;
		Elf64_Rela entry;
		const char *name;

		memcpy(&entry, bytes + i, sizeof(entry));
		if ((wanted->slot && entry.r_offset != wanted->slot) ||
			!ELF64_R_SYM(entry.r_info) ||
			!binds_pointer(view, ELF64_R_TYPE(entry.r_info)))
			continue;
		symbol = symbol_at(view, ELF64_R_SYM(entry.r_info));
		if (!symbol)
			continue;
		name = dynamic_name(view, symbol->st_name);
		if (wanted->slot || strcmp(name, wanted->name) == 0)
			return name;
	}
	return NULL;
}

static const char *find_bound(const struct elf_view *view, const struct bound_pointer *wanted)
{
	const char *name = bound_in(view, view->jmprel, view->jmprel_size, wanted);

	return name ? name : bound_in(view, view->rela, view->rela_size, wanted);
}

const char *elf_view__bound_name(const struct elf_view *view, uint64_t slot)
{
	return slot ? find_bound(view, &(struct bound_pointer){.slot = slot}) : NULL;
}

bool elf_view__binds(const struct elf_view *view, const char *name)
{
	return find_bound(view, &(struct bound_pointer){.name = name});
}
