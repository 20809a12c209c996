/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The build ID in an ELF file's notes: NT_GNU_BUILD_ID, binutils. */
#include "base/bytes.h"
#include "process/elf_file.h"

/* Real files have notes of a few hundred bytes. */
#define MAX_NOTE_BYTES (64u << 10)

static size_t align_up(size_t size, size_t align)
{
	return (size + align - 1) & ~(align - 1);
}

/* Skips what aligns the cursor, which began at @start; the last note may go without. */
static void skip_padding(struct bytes *b, const uint8_t *start, size_t align)
{
	size_t padding = align_up(b->at - start, align) - (b->at - start);

	bytes__take(b, padding < bytes__left(b) ? padding : bytes__left(b));
}

const uint8_t *elf_notes__build_id(
	const void *notes, size_t size, size_t align, size_t *id_size, size_t *offset)
{
	struct bytes b = bytes__of(notes, size);

	align = align == 8 ? 8 : 4;
	while (bytes__left(&b) >= sizeof(Elf64_Nhdr)) {
		size_t at = b.at - (const uint8_t *)notes;
		uint32_t name_size = bytes__u32(&b), description_size = bytes__u32(&b);
		uint32_t type = bytes__u32(&b);
		const uint8_t *name = bytes__take(&b, name_size), *description;

		skip_padding(&b, notes, align);
		description = bytes__take(&b, description_size);
		if (b.bad)
			return NULL;
		if (type == NT_GNU_BUILD_ID && name_size == 4 && description_size &&
			memcmp(name, "GNU", 4) == 0) {
			*id_size = description_size;
			*offset = at;
			return description;
		}
		skip_padding(&b, notes, align);
	}
	return NULL;
}

static const uint8_t *read_notes(struct elf_file *file, uint64_t offset, uint64_t size,
	uint64_t align, size_t *id_size, size_t *found)
{
	const void *notes = NULL;

	if (size && size <= MAX_NOTE_BYTES)
		notes = elf_file__bytes(file, offset, size);
	return notes ? elf_notes__build_id(notes, size, align, id_size, found) : NULL;
}

const uint8_t *elf_file__build_id(struct elf_file *file, size_t *size, uint64_t *vaddr)
{
	size_t count, found;
	const Elf64_Phdr *segments = elf_file__segments(file, &count);
	const Elf64_Shdr *sections;
	const uint8_t *id = NULL;
	uint64_t base = 0;

	for (size_t i = 0; !id && i < count; i++) {
		base = segments[i].p_vaddr;
		if (segments[i].p_type == PT_NOTE)
			id = read_notes(file, segments[i].p_offset, segments[i].p_filesz,
				segments[i].p_align, size, &found);
	}
	sections = id ? NULL : elf_file__sections(file, &count);
	for (size_t i = 0; sections && !id && i < count; i++) {
		base = sections[i].sh_addr;
		if (sections[i].sh_type == SHT_NOTE)
			id = read_notes(file, sections[i].sh_offset, sections[i].sh_size,
				sections[i].sh_addralign, size, &found);
	}
	if (id && vaddr)
		*vaddr = base + found;
	return id;
}
