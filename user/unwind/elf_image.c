/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/elf_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Largest frame section that is read; clang's are 5 MB, Chromium's 20. */
#define SECTION_MAX (256ul << 20)

static int check_header(const struct elf_file *file, struct error *error)
{
	const Elf64_Ehdr *header = elf_file__header(file);

	if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64)
		return error__set(error, -ENOEXEC, "ELF file of an unsupported machine (%u)",
			header->e_machine);
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum)
		return error__set(error, -EBADMSG, "ELF file without program headers");
	return 0;
}

static void add_text(struct elf_image *image, const Elf64_Phdr *segment)
{
	uint64_t end = segment->p_vaddr + segment->p_filesz;

	if (image->text_count == ELF_IMAGE_MAX_SEGMENTS || end < segment->p_vaddr)
		return;
	image->text[image->text_count++] = (struct elf_segment){
		.vaddr = segment->p_vaddr,
		.file_offset = segment->p_offset,
		.size = segment->p_filesz,
	};
	if (image->text_count == 1 || segment->p_vaddr < image->text_start)
		image->text_start = segment->p_vaddr;
	if (end > image->text_end)
		image->text_end = end;
}

/*
 * .eh_frame by PT_GNU_EH_FRAME alone (LSB Core 10.6.2: version, three encodings, then the encoded
 * address of .eh_frame, always DW_EH_PE_pcrel|sdata4 in practice). Its size is not given: up to the
 * end of its segment; a zero length ends it.
 */
static int find_eh_frame_by_header(struct elf_image *image)
{
	const Elf64_Phdr *header = elf_file__segment(image->file, PT_GNU_EH_FRAME);
	struct {
		uint8_t version, pointer_encoding, count_encoding, table_encoding;
		int32_t pointer;
	} start;
	const void *bytes;
	uint64_t vaddr;
	size_t size;

	if (!header)
		return 0;
	bytes = elf_file__bytes(image->file, header->p_offset, sizeof(start));
	if (!bytes)
		return -EBADMSG;
	memcpy(&start, bytes, sizeof(start));
	if (start.version != 1 || start.pointer_encoding != 0x1b)
		return 0;
	vaddr = header->p_vaddr + 4 + start.pointer;
	bytes = elf_file__at(image->file, vaddr, SECTION_MAX, &size);
	if (!bytes)
		return -EBADMSG;
	image->eh_frame = (struct elf_bytes){.data = bytes, .size = size, .vaddr = vaddr};
	return 0;
}

/* What compressed section bytes (gABI: Elf64_Chdr, then a zlib stream) unpack to, malloc'd. */
static void *decompress(struct elf_bytes *bytes)
{
	Elf64_Chdr header;
	uLongf size;
	uint8_t *data;

	if (bytes->size < sizeof(header))
		return NULL;
	memcpy(&header, bytes->data, sizeof(header));
	if (header.ch_type != ELFCOMPRESS_ZLIB || !header.ch_size || header.ch_size > SECTION_MAX)
		return NULL;
	data = malloc(header.ch_size);
	size = header.ch_size;
	if (data && uncompress(data, &size, bytes->data + sizeof(header),
			    bytes->size - sizeof(header)) != Z_OK) {
		free(data);
		data = NULL;
	}
	bytes->data = data;
	bytes->size = data ? size : 0;
	return data;
}

/* A file without the section, or with a bad one, just gives nothing. */
static void read_section(
	struct elf_image *image, const char *name, struct elf_bytes *out, void **unpacked)
{
	const Elf64_Shdr *section = elf_file__section(image->file, name);

	if (!section || section->sh_size > SECTION_MAX)
		return;
	out->data = elf_file__section_bytes(image->file, section, &out->size);
	if (!out->data)
		return;
	out->vaddr = section->sh_addr;
	if (section->sh_flags & SHF_COMPRESSED)
		*unpacked = decompress(out);
}

/*
 * Narrows the text to the executable sections: old linkers put read-only data, which may be most of
 * a file, into the executable segment too.
 */
static void narrow_text(struct elf_image *image)
{
	uint64_t start = UINT64_MAX, end = 0;
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(image->file, &count);

	for (size_t i = 0; i < count; i++) {
		const Elf64_Shdr *section = &sections[i];
		uint64_t section_end = section->sh_addr + section->sh_size;

		if (!(section->sh_flags & SHF_EXECINSTR) || section_end < section->sh_addr ||
			section->sh_addr < image->text_start || section_end > image->text_end)
			continue;
		start = section->sh_addr < start ? section->sh_addr : start;
		end = section_end > end ? section_end : end;
	}
	if (start < end) {
		image->text_start = start;
		image->text_end = end;
	}
}

static int read_image(struct elf_image *image, struct error *error)
{
	size_t count;
	const Elf64_Phdr *segments = elf_file__segments(image->file, &count);
	int err = check_header(image->file, error);

	if (err)
		return err;
	if (!segments)
		return error__set(error, -EBADMSG, "cannot read the ELF program headers");
	image->machine = elf_file__header(image->file)->e_machine;
	image->type = elf_file__header(image->file)->e_type;
	image->entry = elf_file__header(image->file)->e_entry;
	for (size_t i = 0; i < count; i++)
		if (segments[i].p_type == PT_LOAD && segments[i].p_flags & PF_X)
			add_text(image, &segments[i]);
	narrow_text(image);
	read_section(image, ".eh_frame", &image->eh_frame, &image->unpacked[0]);
	read_section(image, ".debug_frame", &image->debug_frame, &image->unpacked[1]);
	if (!image->eh_frame.data && !image->debug_frame.data)
		err = find_eh_frame_by_header(image);
	if (err)
		error__set(error, err, "cannot read .eh_frame: %s", strerror(-err));
	return err;
}

static int take_file(struct elf_image *image, int err, struct error *error)
{
	if (!err)
		err = read_image(image, error);
	if (err)
		elf_image__free(image);
	return err;
}

int elf_image__read_fd(struct elf_image *image, int fd, struct error *error)
{
	*image = (struct elf_image){0};
	return take_file(image, elf_file__open(fd, &image->file, error), error);
}

int elf_image__read_memory(
	struct elf_image *image, const void *memory, size_t size, struct error *error)
{
	*image = (struct elf_image){0};
	return take_file(image, elf_file__open_memory(memory, size, &image->file, error), error);
}

void elf_image__free(struct elf_image *image)
{
	free(image->unpacked[0]);
	free(image->unpacked[1]);
	elf_file__close(image->file);
	*image = (struct elf_image){0};
}
