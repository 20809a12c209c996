/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/elf_plt.h"

#include <string.h>

/* A relocation that fills a GOT slot with the address of a function. */
struct slot {
	uint64_t address;
	const char *name;
	uint64_t resolver;
};

typedef VEC(struct slot) slots;

static bool fills_slot(uint16_t machine, uint32_t type)
{
	if (machine == EM_X86_64)
		return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
		       type == R_X86_64_IRELATIVE;
	return machine == EM_AARCH64 &&
	       (type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT ||
		       type == R_AARCH64_IRELATIVE);
}

static bool is_irelative(uint16_t machine, uint32_t type)
{
	return type == (machine == EM_X86_64 ? R_X86_64_IRELATIVE : R_AARCH64_IRELATIVE);
}

/* The symbols that a relocation section links to. */
static struct elf_symtab linked_symbols(struct elf_file *file, const Elf64_Shdr *relocations)
{
	const Elf64_Shdr *section = elf_file__section_at(file, relocations->sh_link);
	struct elf_symtab table = {0};

	if (!section)
		return table;
	table.symbols = elf_file__section_items(file, section, sizeof(Elf64_Sym), &table.count);
	table.names = elf_file__section_strings(file, elf_file__section_at(file, section->sh_link));
	return table;
}

static int read_relocations(
	struct elf_file *file, uint16_t machine, const Elf64_Shdr *section, slots *out)
{
	struct elf_symtab table = linked_symbols(file, section);
	size_t count;
	const Elf64_Rela *relocations =
		elf_file__section_items(file, section, sizeof(*relocations), &count);
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		uint32_t type = ELF64_R_TYPE(relocations[i].r_info);
		uint64_t symbol = ELF64_R_SYM(relocations[i].r_info);
		struct slot slot = {.address = relocations[i].r_offset};

		if (!fills_slot(machine, type))
			continue;
		if (is_irelative(machine, type))
			slot.resolver = relocations[i].r_addend;
		else if (symbol < table.count)
			slot.name = elf_strings__at(&table.names, table.symbols[symbol].st_name);
		if (slot.resolver || (slot.name && *slot.name))
			err = vec_push(out, slot);
	}
	return err;
}

static int read_slots(struct elf_file *file, uint16_t machine, slots *out)
{
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);
	int err = 0;

	for (size_t i = 1; !err && i < count; i++)
		if (sections[i].sh_type == SHT_RELA && sections[i].sh_flags & SHF_ALLOC)
			err = read_relocations(file, machine, &sections[i], out);
	return err;
}

static int compare_slots(const void *left, const void *right)
{
	const struct slot *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

/* A stub's code as the section has it: @code of @size bytes at ELF address @address. */
struct stub_code {
	const uint8_t *code;
	size_t size;
	uint64_t address;
};

/*
 * x86-64: [endbr64] [bnd] jmp *slot(%rip). Returns whether the stub at @at is that, and its slot.
 */
static bool decode_x86_64(const struct stub_code *s, size_t at, uint64_t *slot)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	int32_t displacement;

	if (s->size - at >= 4 && memcmp(s->code + at, endbr64, 4) == 0)
		at += 4;
	if (at < s->size && s->code[at] == 0xf2)
		at++;
	if (s->size - at < 6 || s->code[at] != 0xff || s->code[at + 1] != 0x25)
		return false;
	memcpy(&displacement, s->code + at + 2, 4);
	*slot = s->address + at + 6 + displacement;
	return true;
}

/* aarch64: [bti c] adrp x16, page; ldr x17, [x16, #offset]. */
static bool decode_aarch64(const struct stub_code *s, size_t at, uint64_t *slot)
{
	uint32_t words[3] = {0}, adrp, ldr;
	int64_t pages;
	size_t i;

	if (s->size - at < 12)
		return false;
	memcpy(words, s->code + at, sizeof(words));
	i = words[0] == 0xd503245f; /* bti c */
	adrp = words[i];
	ldr = words[i + 1];
	if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
		return false;
	pages = (int64_t)((uint64_t)((adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3)) << 43) >> 43;
	*slot = ((s->address + at + i * 4) & ~0xfffull) + pages * 4096 + (ldr >> 10 & 0xfff) * 8;
	return true;
}

static int read_stubs(struct elf_file *file, uint16_t machine, const char *section_name,
	const slots *slots, elf_plt_entries *out)
{
	/* Stubs have 8 or 16 bytes on x86-64, 16 or 24 behind a header of 32 on aarch64. */
	size_t step = machine == EM_X86_64 ? 8 : 4, size;
	struct stub_code s = {0};
	const Elf64_Shdr *section = elf_file__section(file, section_name);
	int err = 0;

	s.code = elf_file__section_bytes(file, section, &size);
	if (!s.code)
		return 0;
	s.size = size;
	s.address = section->sh_addr;
	for (size_t at = 0; !err && at + step <= size; at += step) {
		struct slot key, *found;
		size_t length = machine == EM_X86_64 && section->sh_entsize == 8 ? 8 : 16;

		if (machine == EM_X86_64 ? !decode_x86_64(&s, at, &key.address)
					 : !decode_aarch64(&s, at, &key.address))
			continue;
		found = slots->size ? bsearch(&key, slots->data, slots->size, sizeof(key),
					      compare_slots)
				    : NULL;
		if (!found)
			continue;
		err = vec_push(out, (struct elf_plt_entry){
					    found->name, found->resolver, s.address + at, length});
		at += length - step;
	}
	return err;
}

int elf_file__plt(struct elf_file *file, elf_plt_entries *entries)
{
	static const char *const sections[] = {".plt", ".plt.sec", ".plt.got"};
	slots slots = {0};
	uint16_t machine = elf_file__header(file)->e_machine;
	int err;

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return 0;
	err = read_slots(file, machine, &slots);
	if (slots.size)
		qsort(slots.data, slots.size, sizeof(*slots.data), compare_slots);
	for (size_t i = 0; !err && i < 3; i++)
		err = read_stubs(file, machine, sections[i], &slots, entries);
	vec_free(&slots);
	return err;
}
