#include "target/image.h"

#include "base/vec.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

/* Real files have some 10 to 20 program headers and notes of a few hundred bytes. */
#define MAX_PROGRAM_HEADERS 512
#define MAX_NOTE_BYTES (64u << 10)

static bool read_exactly(int fd, void *to, size_t size, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, to, size, offset) == (ssize_t)size;
}

static bool is_supported(const Elf64_Ehdr *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN) &&
	       header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum &&
	       header->e_phnum <= MAX_PROGRAM_HEADERS;
}

static void set_build_id(struct build_id *id, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	memcpy(id->bytes, bytes, size);
	id->size = size;
	for (size_t i = 0; i < size; i++) {
		id->hex[2 * i] = digits[bytes[i] >> 4];
		id->hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	id->hex[2 * size] = '\0';
}

static bool is_build_id_note(const Elf64_Nhdr *note, const uint8_t *name)
{
	return note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
	       memcmp(name, "GNU", 4) == 0 && note->n_descsz && note->n_descsz <= BUILD_ID_MAX_SIZE;
}

/* Looks through the notes of one segment; true with the offset of the build ID's header in it. */
static bool find_build_id(
	const uint8_t *notes, size_t size, size_t align, struct build_id *id, size_t *found)
{
	size_t at = 0, mask = (align == 8 ? 8 : 4) - 1;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		size_t name, description;
		Elf64_Nhdr note;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		if (note.n_namesz > size - name)
			return false;
		description = (name + note.n_namesz + mask) & ~mask;
		if (description > size || note.n_descsz > size - description)
			return false;
		if (note.n_namesz >= 4 && is_build_id_note(&note, notes + name)) {
			set_build_id(id, notes + description, note.n_descsz);
			*found = at;
			return true;
		}
		at = (description + note.n_descsz + mask) & ~mask;
		if (at > size)
			return false;
	}
	return false;
}

static void read_notes(int fd, const Elf64_Phdr *header, struct image *image)
{
	size_t found;
	uint8_t *notes;

	if (image->build_id.size || !header->p_filesz || header->p_filesz > MAX_NOTE_BYTES)
		return;
	notes = malloc(header->p_filesz);
	if (!notes)
		return;
	if (read_exactly(fd, notes, header->p_filesz, header->p_offset) &&
		find_build_id(notes, header->p_filesz, header->p_align, &image->build_id, &found))
		image->build_id_vaddr = header->p_vaddr + found;
	free(notes);
}

static bool is_sane_segment(const Elf64_Phdr *header)
{
	uint64_t end;

	return header->p_filesz <= header->p_memsz &&
	       !__builtin_add_overflow(header->p_vaddr, header->p_memsz, &end) &&
	       !__builtin_add_overflow(header->p_offset, header->p_filesz, &end);
}

int image__read(int fd, struct image *out)
{
	VEC(struct module_segment) segments = {0};
	Elf64_Ehdr header;

	*out = (struct image){0};
	if (!read_exactly(fd, &header, sizeof(header), 0) || !is_supported(&header))
		return -ENOEXEC;
	out->elf_type = header.e_type;
	out->elf_machine = header.e_machine;
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr h;

		if (!read_exactly(fd, &h, sizeof(h), header.e_phoff + i * sizeof(h)))
			break;
		if (h.p_type == PT_NOTE)
			read_notes(fd, &h, out);
		if (h.p_type != PT_LOAD || !is_sane_segment(&h))
			continue;
		if (vec_push(&segments, (struct module_segment){h.p_vaddr, h.p_offset, h.p_filesz,
						h.p_memsz, h.p_flags & PF_X})) {
			vec_free(&segments);
			return -ENOMEM;
		}
	}
	out->segments = segments.data;
	out->segment_count = segments.size;
	return 0;
}

bool image__note_differs(const struct build_id *id, const void *note, size_t size)
{
	struct build_id mapped = {0};
	size_t found;

	if (!find_build_id(note, size, 4, &mapped, &found) || found)
		return false;
	return mapped.size != id->size || memcmp(mapped.bytes, id->bytes, id->size) != 0;
}
