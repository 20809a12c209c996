/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/usdt_notes.h"

#include "base/bytes.h"

#define NT_STAPSDT 3
#define NOTE_ALIGNMENT 4
/* A database server with probes everywhere has some 100 KB of them. */
#define MAX_NOTE_BYTES (16u << 20)

/* A note's name or description ends at the next multiple of four; the last one may go without. */
static void skip_padding(struct bytes *b, uint32_t size)
{
	size_t padding = -size & (NOTE_ALIGNMENT - 1);

	bytes__take(b, padding < bytes__left(b) ? padding : bytes__left(b));
}

/* Whether the description, all of it, is one of a probe. */
static bool read_note(struct bytes description, uint64_t base_now, struct usdt_note *note)
{
	uint64_t base;

	note->address = bytes__u64(&description);
	base = bytes__u64(&description);
	note->semaphore = bytes__u64(&description);
	note->provider = bytes__string(&description);
	note->name = bytes__string(&description);
	note->arguments = bytes__string(&description);
	if (description.bad)
		return false;
	if (base && base_now) {
		note->address += base_now - base;
		if (note->semaphore)
			note->semaphore += base_now - base;
	}
	return true;
}

int usdt_notes__each_in(
	const void *notes, size_t size, uint64_t base_now, usdt_note_fn *each, void *context)
{
	struct bytes b = bytes__of(notes, size);
	int err = 0;

	while (!err && bytes__left(&b) >= sizeof(Elf64_Nhdr)) {
		uint32_t name_size = bytes__u32(&b), description_size = bytes__u32(&b);
		uint32_t type = bytes__u32(&b);
		const uint8_t *name = bytes__take(&b, name_size), *description;
		struct usdt_note note;

		skip_padding(&b, name_size);
		description = bytes__take(&b, description_size);
		if (b.bad)
			return 0;
		skip_padding(&b, description_size);
		if (type != NT_STAPSDT || name_size != 8 || memcmp(name, "stapsdt", 8))
			continue;
		if (read_note(bytes__of(description, description_size), base_now, &note))
			err = each(context, &note);
	}
	return err;
}

int usdt_notes__each(struct elf_file *file, usdt_note_fn *each, void *context)
{
	const Elf64_Shdr *base;
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);
	int err = 0;

	for (size_t i = 0; sections && !err && i < count; i++) {
		const Elf64_Shdr *section = &sections[i];
		const void *notes;
		size_t size;

		if (section->sh_type != SHT_NOTE || section->sh_size > MAX_NOTE_BYTES ||
			strcmp(elf_file__section_name(file, section), ".note.stapsdt") != 0)
			continue;
		notes = elf_file__section_bytes(file, section, &size);
		base = elf_file__section(file, ".stapsdt.base");
		if (notes)
			err = usdt_notes__each_in(
				notes, size, base ? base->sh_addr : 0, each, context);
	}
	return err;
}
