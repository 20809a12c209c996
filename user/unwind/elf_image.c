#include "unwind/elf_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Largest frame section that is read; clang's are 5 MB, Chromium's 20. */
#define SECTION_MAX (256ul << 20)

int elf_image__read(const struct elf_image *image, uint64_t offset, void *to, size_t size)
{
	uint8_t *at = to;
	ssize_t n;

	if (offset > image->file_size || size > image->file_size - offset)
		return -EBADMSG;
	if (image->memory) {
		memcpy(to, image->memory + offset, size);
		return 0;
	}
	while (size) {
		n = pread(image->fd, at, size, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		at += n;
		offset += n;
		size -= n;
	}
	return 0;
}

/* A new copy of @count records of @size bytes each at @offset. */
static int read_array(
	const struct elf_image *image, uint64_t offset, size_t count, size_t size, void **out)
{
	int ret;

	*out = NULL;
	if (!count || count * size > image->file_size)
		return -EBADMSG;
	*out = malloc(count * size);
	if (!*out)
		return -ENOMEM;
	ret = elf_image__read(image, offset, *out, count * size);
	if (ret) {
		free(*out);
		*out = NULL;
	}
	return ret;
}

static int check_header(const Elf64_Ehdr *header, struct error *err)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG))
		return error__set(err, -ENOEXEC, "not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return error__set(err, -ENOEXEC, "not a 64-bit little-endian ELF file");
	if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64)
		return error__set(err, -ENOEXEC, "ELF file of an unsupported machine (%u)",
			header->e_machine);
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum)
		return error__set(err, -EBADMSG, "ELF file without program headers");
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

/* The segment that holds @vaddr; NULL if none has it in the file. */
static const Elf64_Phdr *find_segment(const Elf64_Phdr *segments, size_t count, uint64_t vaddr)
{
	for (size_t i = 0; i < count; i++)
		if (segments[i].p_type == PT_LOAD && vaddr >= segments[i].p_vaddr &&
			vaddr - segments[i].p_vaddr < segments[i].p_filesz)
			return &segments[i];
	return NULL;
}

static int read_bytes(const struct elf_image *image, uint64_t offset, uint64_t size, uint64_t vaddr,
	struct elf_bytes *out)
{
	void *data;
	int ret;

	if (size > SECTION_MAX)
		return -EBADMSG;
	ret = read_array(image, offset, size, 1, &data);
	if (ret)
		return ret;
	*out = (struct elf_bytes){.data = data, .size = size, .vaddr = vaddr};
	return 0;
}

/*
 * .eh_frame by PT_GNU_EH_FRAME alone (LSB Core 10.6.2: version, three encodings, then the encoded
 * address of .eh_frame, always DW_EH_PE_pcrel|sdata4 in practice). Its size is not given: up to the
 * end of its segment; a zero length ends it.
 */
static int find_eh_frame_by_header(
	struct elf_image *image, const Elf64_Phdr *segments, size_t segment_count)
{
	const Elf64_Phdr *header = NULL, *load;
	struct {
		uint8_t version, pointer_encoding, count_encoding, table_encoding;
		int32_t pointer;
	} start;
	uint64_t vaddr, inside;
	int ret;

	for (size_t i = 0; i < segment_count; i++)
		if (segments[i].p_type == PT_GNU_EH_FRAME)
			header = &segments[i];
	if (!header)
		return 0;
	ret = elf_image__read(image, header->p_offset, &start, sizeof(start));
	if (ret || start.version != 1 || start.pointer_encoding != 0x1b)
		return ret;
	vaddr = header->p_vaddr + 4 + start.pointer;
	load = find_segment(segments, segment_count, vaddr);
	if (!load)
		return -EBADMSG;
	inside = vaddr - load->p_vaddr;
	return read_bytes(
		image, load->p_offset + inside, load->p_filesz - inside, vaddr, &image->eh_frame);
}

/* Replaces compressed section bytes (gABI: Elf64_Chdr, then a zlib stream) by what they unpack to.
 */
static int decompress(struct elf_bytes *bytes)
{
	Elf64_Chdr header;
	uLongf size;
	uint8_t *data;
	int ret;

	if (bytes->size < sizeof(header))
		return -EBADMSG;
	memcpy(&header, bytes->data, sizeof(header));
	if (header.ch_type != ELFCOMPRESS_ZLIB || !header.ch_size || header.ch_size > SECTION_MAX)
		return -EBADMSG;
	data = malloc(header.ch_size);
	if (!data)
		return -ENOMEM;
	size = header.ch_size;
	ret = uncompress(data, &size, bytes->data + sizeof(header), bytes->size - sizeof(header));
	free(bytes->data);
	bytes->data = data;
	bytes->size = size;
	return ret == Z_OK ? 0 : -EBADMSG;
}

static int read_section(
	const struct elf_image *image, const Elf64_Shdr *section, struct elf_bytes *out)
{
	int ret;

	ret = read_bytes(image, section->sh_offset, section->sh_size, section->sh_addr, out);
	if (!ret && section->sh_flags & SHF_COMPRESSED)
		ret = decompress(out);
	if (ret) {
		free(out->data);
		*out = (struct elf_bytes){0};
	}
	return ret;
}

static const Elf64_Shdr *find_section(const Elf64_Shdr *sections, size_t count, const char *names,
	size_t names_size, const char *wanted)
{
	size_t length = strlen(wanted) + 1;

	for (size_t i = 0; i < count; i++) {
		uint32_t name = sections[i].sh_name;

		if (sections[i].sh_type != SHT_NOBITS && name < names_size &&
			length <= names_size - name && !memcmp(names + name, wanted, length))
			return &sections[i];
	}
	return NULL;
}

/*
 * Narrows the text to the executable sections: old linkers put read-only data, which may be most of
 * a file, into the executable segment too.
 */
static void narrow_text(struct elf_image *image, const Elf64_Shdr *sections, size_t count)
{
	uint64_t start = UINT64_MAX, end = 0;

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

/* By section headers. A file without them, or with bad ones, just gives nothing. */
static void read_sections(struct elf_image *image, const Elf64_Ehdr *header)
{
	Elf64_Shdr *sections = NULL;
	const Elf64_Shdr *found;
	char *names = NULL;
	size_t names_size;

	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shstrndx >= header->e_shnum)
		return;
	if (read_array(
		    image, header->e_shoff, header->e_shnum, sizeof(*sections), (void **)&sections))
		return;
	narrow_text(image, sections, header->e_shnum);
	names_size = sections[header->e_shstrndx].sh_size;
	if (names_size > SECTION_MAX || read_array(image, sections[header->e_shstrndx].sh_offset,
						names_size, 1, (void **)&names))
		goto out;
	found = find_section(sections, header->e_shnum, names, names_size, ".eh_frame");
	if (found)
		read_section(image, found, &image->eh_frame);
	found = find_section(sections, header->e_shnum, names, names_size, ".debug_frame");
	if (found)
		read_section(image, found, &image->debug_frame);
out:
	free(names);
	free(sections);
}

static int read_image(struct elf_image *image, struct error *err)
{
	Elf64_Phdr *segments = NULL;
	Elf64_Ehdr header;
	int ret;

	ret = elf_image__read(image, 0, &header, sizeof(header));
	if (ret)
		return error__set(err, ret == -EBADMSG ? -ENOEXEC : ret, "not an ELF file");
	ret = check_header(&header, err);
	if (ret)
		return ret;
	image->machine = header.e_machine;
	image->type = header.e_type;
	image->entry = header.e_entry;
	ret = read_array(
		image, header.e_phoff, header.e_phnum, sizeof(*segments), (void **)&segments);
	if (ret)
		return error__set(
			err, ret, "cannot read the ELF program headers: %s", strerror(-ret));
	for (size_t i = 0; i < header.e_phnum; i++)
		if (segments[i].p_type == PT_LOAD && segments[i].p_flags & PF_X)
			add_text(image, &segments[i]);
	read_sections(image, &header);
	if (!image->eh_frame.data && !image->debug_frame.data)
		ret = find_eh_frame_by_header(image, segments, header.e_phnum);
	free(segments);
	if (ret)
		error__set(err, ret, "cannot read .eh_frame: %s", strerror(-ret));
	return ret;
}

int elf_image__read_fd(struct elf_image *image, int fd, struct error *err)
{
	struct stat status;
	int ret;

	*image = (struct elf_image){.fd = fd};
	if (fstat(fd, &status))
		return error__set(err, -errno, "cannot look at the file: %s", strerror(errno));
	image->file_size = status.st_size;
	ret = read_image(image, err);
	if (ret)
		elf_image__free(image);
	return ret;
}

int elf_image__read_memory(
	struct elf_image *image, const void *memory, size_t size, struct error *err)
{
	int ret;

	*image = (struct elf_image){.fd = -1, .memory = memory, .file_size = size};
	ret = read_image(image, err);
	if (ret)
		elf_image__free(image);
	return ret;
}

void elf_image__free(struct elf_image *image)
{
	free(image->eh_frame.data);
	free(image->debug_frame.data);
	image->eh_frame = image->debug_frame = (struct elf_bytes){0};
}
