/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/image.h"

#include <string.h>

#include "base/vec.h"
#include "process/elf_file.h"

/* Real files have some 10 to 20 program headers. */
#define MAX_PROGRAM_HEADERS 512

static bool is_program(const struct elf_file *file)
{
	const Elf64_Ehdr *header = elf_file__header(file);
	size_t count;

	return (header->e_type == ET_EXEC || header->e_type == ET_DYN) &&
	       elf_file__segments(file, &count) && count <= MAX_PROGRAM_HEADERS;
}

static void set_build_id(struct build_id *id, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (!bytes || size > BUILD_ID_MAX_SIZE)
		return;
	memcpy(id->bytes, bytes, size);
	id->size = size;
	for (size_t i = 0; i < size; i++) {
		id->hex[2 * i] = digits[bytes[i] >> 4];
		id->hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	id->hex[2 * size] = '\0';
}

static bool is_sane_segment(const Elf64_Phdr *header)
{
	uint64_t end;

	return header->p_filesz <= header->p_memsz &&
	       !__builtin_add_overflow(header->p_vaddr, header->p_memsz, &end) &&
	       !__builtin_add_overflow(header->p_offset, header->p_filesz, &end);
}

static int take_segments(const struct elf_file *file, struct image *out)
{
	VEC(struct module_segment) segments = {0};
	size_t count;
	const Elf64_Phdr *headers = elf_file__segments(file, &count);

	for (size_t i = 0; i < count; i++) {
		const Elf64_Phdr *h = &headers[i];

		if (h->p_type != PT_LOAD || !is_sane_segment(h))
			continue;
		if (vec_push(&segments, (struct module_segment){h->p_vaddr, h->p_offset,
						h->p_filesz, h->p_memsz, h->p_flags & PF_X})) {
			vec_free(&segments);
			return -ENOMEM;
		}
	}
	out->segments = segments.data;
	out->segment_count = segments.size;
	return 0;
}

int image__read(int fd, struct image *out)
{
	struct elf_file *file;
	const uint8_t *id;
	size_t size;
	int err;

	*out = (struct image){0};
	err = elf_file__open(fd, &file, NULL);
	if (err)
		return err;
	if (is_program(file)) {
		out->elf_type = elf_file__header(file)->e_type;
		out->elf_machine = elf_file__header(file)->e_machine;
		id = elf_file__build_id(file, &size, &out->build_id_vaddr);
		set_build_id(&out->build_id, id, size);
		err = take_segments(file, out);
	} else {
		err = -ENOEXEC;
	}
	elf_file__close(file);
	return err;
}

bool image__note_differs(const struct build_id *id, const void *note, size_t size)
{
	size_t mapped_size, found;
	const uint8_t *mapped = elf_notes__build_id(note, size, 4, &mapped_size, &found);

	if (!mapped || found)
		return false;
	return mapped_size != id->size || memcmp(mapped, id->bytes, id->size) != 0;
}
