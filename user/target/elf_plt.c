#include "target/elf_plt.h"

#include <gelf.h>
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

/* The name of symbol @index of the table that the relocation section links to, or NULL. */
static const char *symbol_name(Elf *elf, const Elf64_Shdr *relocations, uint64_t index)
{
	Elf_Scn *section = elf_getscn(elf, relocations->sh_link);
	Elf64_Shdr header;
	size_t count;
	const Elf64_Sym *symbols = elf_file__section_items(section, sizeof(*symbols), &count);

	if (index >= count || !gelf_getshdr(section, &header))
		return NULL;
	return elf_strptr(elf, header.sh_link, symbols[index].st_name);
}

static int read_slots(struct elf_file *file, uint16_t machine, slots *out)
{
	Elf *elf = elf_file__elf(file);
	Elf_Scn *section = NULL;
	int code = 0;

	while (!code && (section = elf_nextscn(elf, section))) {
		const Elf64_Rela *relocations;
		Elf64_Shdr header;
		size_t count;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA ||
			!(header.sh_flags & SHF_ALLOC))
			continue;
		relocations = elf_file__section_items(section, sizeof(*relocations), &count);
		for (size_t i = 0; !code && i < count; i++) {
			const Elf64_Rela *r = &relocations[i];
			uint32_t type = ELF64_R_TYPE(r->r_info);
			struct slot slot = {.address = r->r_offset};

			if (!fills_slot(machine, type))
				continue;
			if (is_irelative(machine, type))
				slot.resolver = r->r_addend;
			else
				slot.name = symbol_name(elf, &header, ELF64_R_SYM(r->r_info));
			if (slot.resolver || (slot.name && *slot.name))
				code = vec_push(out, slot);
		}
	}
	return code;
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
	Elf64_Shdr header;
	Elf_Scn *section = elf_file__section(file, section_name, &header);
	int code = 0;

	s.code = elf_file__section_bytes(section, &size);
	if (!s.code)
		return 0;
	s.size = size;
	s.address = header.sh_addr;
	for (size_t at = 0; !code && at + step <= size; at += step) {
		struct slot key, *found;
		size_t length = machine == EM_X86_64 && header.sh_entsize == 8 ? 8 : 16;

		if (machine == EM_X86_64 ? !decode_x86_64(&s, at, &key.address)
					 : !decode_aarch64(&s, at, &key.address))
			continue;
		found = slots->size ? bsearch(&key, slots->data, slots->size, sizeof(key),
					      compare_slots)
				    : NULL;
		if (!found)
			continue;
		code = vec_push(out, (struct elf_plt_entry){
					     found->name, found->resolver, s.address + at, length});
		at += length - step;
	}
	return code;
}

int elf_file__plt(struct elf_file *file, elf_plt_entries *entries)
{
	static const char *const sections[] = {".plt", ".plt.sec", ".plt.got"};
	slots slots = {0};
	GElf_Ehdr header;
	int code;

	if (!gelf_getehdr(elf_file__elf(file), &header))
		return -ENOEXEC;
	if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)
		return 0;
	code = read_slots(file, header.e_machine, &slots);
	if (slots.size)
		qsort(slots.data, slots.size, sizeof(*slots.data), compare_slots);
	for (size_t i = 0; !code && i < 3; i++)
		code = read_stubs(file, header.e_machine, sections[i], &slots, entries);
	vec_free(&slots);
	return code;
}
