/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/elf_file.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The copy is filled in pieces of this size: what is asked for lies together, or far apart. */
#define PIECE (16ul << 10)
/* What is only looked at once goes through a buffer of this size. */
#define BLOCK (256ul << 10)
/* No file that is loaded comes near it; the address space of a process has 128 TiB. */
#define MAX_FILE_SIZE (1ull << 40)
/* Real files have some 10 to 20 program headers; sections, with -ffunction-sections, 65,000. */
#define MAX_SECTIONS (1u << 20)

struct elf_file {
	int fd;
	uint8_t *copy;	  /* of the file, or the caller's image */
	uint64_t *filled; /* a bit for each piece of the copy; NULL: all of it */
	uint64_t size;
	uint64_t read_bytes;
	uint64_t limit;
	bool was_limited;
	Elf64_Ehdr header;
	const Elf64_Phdr *segments;
	size_t segment_count;
	bool sections_read;
	const Elf64_Shdr *sections;
	size_t section_count;
	struct elf_strings section_names;
};

/* --- the copy */

static bool is_filled(const struct elf_file *file, uint64_t piece)
{
	return file->filled[piece / 64] >> piece % 64 & 1;
}

static bool pread_all(int fd, uint8_t *to, uint64_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pread(fd, to, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		size -= n;
		offset += n;
	}
	return true;
}

/* Reads the pieces [first, end), none of which is filled; false where the file ends before. */
static bool read_pieces(struct elf_file *file, uint64_t first, uint64_t end)
{
	uint64_t at = first * PIECE;
	uint64_t stop = end * PIECE < file->size ? end * PIECE : file->size;

	if (file->read_bytes > file->limit || stop - at > file->limit - file->read_bytes) {
		file->was_limited = true;
		return false;
	}
	if (!pread_all(file->fd, file->copy + at, stop - at, at))
		return false;
	file->read_bytes += stop - at;
	for (uint64_t piece = first; piece < end; piece++)
		file->filled[piece / 64] |= 1ull << piece % 64;
	return true;
}

/* Reads what is not read yet of [offset, offset + size), which lies in the file. */
static bool fill(struct elf_file *file, uint64_t offset, uint64_t size)
{
	uint64_t piece = offset / PIECE, end = (offset + size + PIECE - 1) / PIECE;

	while (piece < end) {
		uint64_t first = piece;

		while (piece < end && !is_filled(file, piece))
			piece++;
		if (piece > first && !read_pieces(file, first, piece))
			return false;
		piece += piece == first;
	}
	return true;
}

const void *elf_file__bytes(struct elf_file *file, uint64_t offset, uint64_t size)
{
	if (offset > file->size || size > file->size - offset)
		return NULL;
	if (file->filled && size && !fill(file, offset, size))
		return NULL;
	return file->copy + offset;
}

const void *elf_file__items(struct elf_file *file, uint64_t offset, uint64_t count, size_t size)
{
	size_t align = size & -size;

	if (offset > file->size || count > (file->size - offset) / size ||
		(uintptr_t)(file->copy + offset) % (align < 8 ? align : 8))
		return NULL;
	return elf_file__bytes(file, offset, count * size);
}

/* The bytes of [offset, end) up to where the copy begins or ceases to be filled, one BLOCK at most.
 */
static uint64_t block_end(const struct elf_file *file, uint64_t offset, uint64_t end)
{
	bool filled = !file->filled || is_filled(file, offset / PIECE);
	uint64_t stop = (offset / PIECE + 1) * PIECE;

	while (stop < end && stop - offset < BLOCK &&
		(!file->filled || is_filled(file, stop / PIECE) == filled))
		stop += PIECE;
	return stop < end ? stop : end;
}

int elf_file__each_block(struct elf_file *file, uint64_t offset, uint64_t size,
	void (*each)(void *context, const void *block, size_t size), void *context)
{
	uint64_t end = offset + size;
	uint8_t *buffer;
	int err = 0;

	if (offset > file->size || size > file->size - offset)
		return -EBADMSG;
	buffer = malloc(BLOCK + PIECE);
	if (!buffer)
		return -ENOMEM;
	while (!err && offset < end) {
		uint64_t stop = block_end(file, offset, end);

		if (!file->filled || is_filled(file, offset / PIECE))
			each(context, file->copy + offset, stop - offset);
		else if (pread_all(file->fd, buffer, stop - offset, offset))
			each(context, buffer, stop - offset);
		else
			err = -EBADMSG;
		offset = stop;
	}
	free(buffer);
	return err;
}

static int reserve_copy(struct elf_file *file)
{
	uint64_t pieces = (file->size + PIECE - 1) / PIECE;

	file->filled = calloc((pieces + 63) / 64, sizeof(*file->filled));
	file->copy = mmap(NULL, file->size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (file->copy == MAP_FAILED)
		file->copy = NULL;
	if (!file->filled || !file->copy)
		return -ENOMEM;
	/*
	 * A huge page would be memory for 2 MiB where 16 KiB were read. Not by the C library's
	 * madvise: a program that imports it is taken for an allocator (plan.c), a test too.
	 */
	syscall(SYS_madvise, file->copy, file->size, MADV_NOHUGEPAGE);
	return 0;
}

/* --- opening */

static int check_header(const Elf64_Ehdr *header, struct error *error)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG))
		return error__set(error, -ENOEXEC, "not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return error__set(error, -ENOEXEC, "not a 64-bit little-endian ELF file");
	return 0;
}

static int read_headers(struct elf_file *file, struct error *error)
{
	const void *start = elf_file__bytes(file, 0, sizeof(file->header));

	if (!start)
		return error__set(error, -ENOEXEC, "not an ELF file");
	memcpy(&file->header, start, sizeof(file->header));
	if (check_header(&file->header, error))
		return -ENOEXEC;
	if (file->header.e_phnum && file->header.e_phentsize == sizeof(Elf64_Phdr))
		file->segments = elf_file__items(
			file, file->header.e_phoff, file->header.e_phnum, sizeof(Elf64_Phdr));
	file->segment_count = file->segments ? file->header.e_phnum : 0;
	return 0;
}

static struct elf_file *new_file(int fd, const void *image, uint64_t size)
{
	struct elf_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->fd = fd;
	file->copy = (uint8_t *)image;
	file->size = size;
	file->limit = ELF_FILE_MAX_COPY;
	return file;
}

int elf_file__open(int fd, struct elf_file **out, struct error *error)
{
	struct elf_file *file;
	struct stat status;
	int err;

	*out = NULL;
	if (fstat(fd, &status))
		return error__set(error, -errno, "cannot read the ELF file: %s", strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(Elf64_Ehdr))
		return error__set(error, -ENOEXEC, "not an ELF file");
	if ((uint64_t)status.st_size > MAX_FILE_SIZE)
		return error__set(error, -EFBIG, "the ELF file claims an impossible size");
	file = new_file(fd, NULL, status.st_size);
	err = file ? reserve_copy(file) : -ENOMEM;
	err = err ? error__set(error, err, "out of memory") : read_headers(file, error);
	if (err)
		elf_file__close(file);
	else
		*out = file;
	return err;
}

int elf_file__open_memory(
	const void *image, size_t size, struct elf_file **out, struct error *error)
{
	struct elf_file *file = new_file(-1, image, size);
	int err = file ? read_headers(file, error) : error__set(error, -ENOMEM, "out of memory");

	*out = NULL;
	if (err)
		elf_file__close(file);
	else
		*out = file;
	return err;
}

void elf_file__close(struct elf_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0 && file->copy)
		munmap(file->copy, file->size);
	free(file->filled);
	free(file);
}

uint64_t elf_file__size(const struct elf_file *file)
{
	return file->size;
}

uint64_t elf_file__read_bytes(const struct elf_file *file)
{
	return file->read_bytes;
}

void elf_file__set_limit(struct elf_file *file, uint64_t bytes)
{
	file->limit = bytes < UINT64_MAX - file->read_bytes ? file->read_bytes + bytes : UINT64_MAX;
}

bool elf_file__was_limited(const struct elf_file *file)
{
	return file->was_limited;
}

const Elf64_Ehdr *elf_file__header(const struct elf_file *file)
{
	return &file->header;
}

/* --- segments */

const Elf64_Phdr *elf_file__segments(const struct elf_file *file, size_t *count)
{
	*count = file->segment_count;
	return file->segments;
}

const Elf64_Phdr *elf_file__segment(const struct elf_file *file, uint32_t type)
{
	for (size_t i = 0; i < file->segment_count; i++)
		if (file->segments[i].p_type == type)
			return &file->segments[i];
	return NULL;
}

/* The segment that has the byte at @vaddr in the file, or NULL. */
static const Elf64_Phdr *find_load(const struct elf_file *file, uint64_t vaddr)
{
	for (size_t i = 0; i < file->segment_count; i++) {
		const Elf64_Phdr *s = &file->segments[i];

		if (s->p_type == PT_LOAD && vaddr >= s->p_vaddr &&
			vaddr - s->p_vaddr < s->p_filesz && s->p_offset < file->size &&
			vaddr - s->p_vaddr < file->size - s->p_offset)
			return s;
	}
	return NULL;
}

const uint8_t *elf_file__at(struct elf_file *file, uint64_t vaddr, size_t wanted, size_t *available)
{
	const Elf64_Phdr *segment = find_load(file, vaddr);
	uint64_t into, left;

	if (!segment)
		return NULL;
	into = vaddr - segment->p_vaddr;
	left = segment->p_filesz - into;
	if (left > file->size - segment->p_offset - into)
		left = file->size - segment->p_offset - into;
	*available = left < wanted ? left : wanted;
	return elf_file__bytes(file, segment->p_offset + into, *available);
}

bool elf_file__vaddr_to_offset(const struct elf_file *file, uint64_t vaddr, uint64_t *offset)
{
	const Elf64_Phdr *segment = find_load(file, vaddr);

	if (segment)
		*offset = segment->p_offset + (vaddr - segment->p_vaddr);
	return segment;
}

/* --- sections */

/* gABI, "Sections": numbers that do not fit the header stand in section 0. */
static void read_sections(struct elf_file *file)
{
	const Elf64_Ehdr *header = &file->header;
	uint64_t count = header->e_shnum, names = header->e_shstrndx;
	const Elf64_Shdr *first;

	file->sections_read = true;
	if (!header->e_shoff || header->e_shentsize != sizeof(Elf64_Shdr))
		return;
	first = elf_file__items(file, header->e_shoff, 1, sizeof(*first));
	if (!first)
		return;
	if (!count)
		count = first->sh_size;
	if (names == SHN_XINDEX)
		names = first->sh_link;
	if (count > MAX_SECTIONS)
		return;
	file->sections = elf_file__items(file, header->e_shoff, count, sizeof(*first));
	file->section_count = file->sections ? count : 0;
	file->section_names = elf_file__section_strings(file, elf_file__section_at(file, names));
}

const Elf64_Shdr *elf_file__sections(struct elf_file *file, size_t *count)
{
	if (!file->sections_read)
		read_sections(file);
	*count = file->section_count;
	return file->sections;
}

const Elf64_Shdr *elf_file__section_at(struct elf_file *file, size_t index)
{
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);

	return index < count ? &sections[index] : NULL;
}

const char *elf_file__section_name(struct elf_file *file, const Elf64_Shdr *section)
{
	return elf_strings__at(&file->section_names, section->sh_name);
}

const Elf64_Shdr *elf_file__section(struct elf_file *file, const char *name)
{
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);

	for (size_t i = 1; i < count; i++)
		if (strcmp(elf_file__section_name(file, &sections[i]), name) == 0)
			return &sections[i];
	return NULL;
}

const Elf64_Shdr *elf_file__section_of_type(struct elf_file *file, uint32_t type)
{
	size_t count;
	const Elf64_Shdr *sections = elf_file__sections(file, &count);

	for (size_t i = 1; i < count; i++)
		if (sections[i].sh_type == type)
			return &sections[i];
	return NULL;
}

const void *elf_file__section_bytes(struct elf_file *file, const Elf64_Shdr *section, size_t *size)
{
	*size = section && section->sh_type != SHT_NOBITS ? section->sh_size : 0;
	return *size ? elf_file__bytes(file, section->sh_offset, *size) : NULL;
}

const void *elf_file__section_items(
	struct elf_file *file, const Elf64_Shdr *section, size_t item_size, size_t *count)
{
	const void *items = NULL;

	*count = section && section->sh_type != SHT_NOBITS ? section->sh_size / item_size : 0;
	if (*count)
		items = elf_file__items(file, section->sh_offset, *count, item_size);
	if (!items)
		*count = 0;
	return items;
}

struct elf_strings elf_file__strings(struct elf_file *file, uint64_t offset, uint64_t size)
{
	const char *text = size ? elf_file__bytes(file, offset, size) : NULL;
	const char *last = text ? memrchr(text, 0, size) : NULL;

	return last ? (struct elf_strings){text, last - text + 1} : (struct elf_strings){NULL, 0};
}

struct elf_strings elf_file__section_strings(struct elf_file *file, const Elf64_Shdr *section)
{
	if (!section || section->sh_type == SHT_NOBITS)
		return (struct elf_strings){NULL, 0};
	return elf_file__strings(file, section->sh_offset, section->sh_size);
}
