#include "target/elf_file.h"

#include <gelf.h>
#include <string.h>
#include <sys/stat.h>

struct elf_file {
	Elf *elf;
};

static int take_elf(Elf *elf, struct elf_file **out, struct error *err)
{
	const char *ident = elf ? elf_getident(elf, NULL) : NULL;
	struct elf_file *file = NULL;

	if (!ident || elf_kind(elf) != ELF_K_ELF || ident[EI_CLASS] != ELFCLASS64 ||
		ident[EI_DATA] != ELFDATA2LSB) {
		elf_end(elf);
		return error__set(err, -ENOEXEC, "no 64-bit little-endian ELF file");
	}
	file = calloc(1, sizeof(*file));
	if (!file) {
		elf_end(elf);
		return error__set(err, -ENOMEM, "out of memory");
	}
	file->elf = elf;
	*out = file;
	return 0;
}

int elf_file__open(int fd, struct elf_file **out, struct error *err)
{
	struct stat status;
	bool trusted;

	*out = NULL;
	if (fstat(fd, &status))
		return error__set(err, -errno, "cannot read the ELF file: %s", strerror(errno));
	trusted = status.st_uid == 0 && !(status.st_mode & (S_IWGRP | S_IWOTH));
	elf_version(EV_CURRENT);
	return take_elf(elf_begin(fd, trusted ? ELF_C_READ_MMAP : ELF_C_READ, NULL), out, err);
}

int elf_file__open_memory(void *image, size_t size, struct elf_file **out, struct error *err)
{
	*out = NULL;
	elf_version(EV_CURRENT);
	return take_elf(elf_memory(image, size), out, err);
}

void elf_file__close(struct elf_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	free(file);
}

Elf *elf_file__elf(struct elf_file *file)
{
	return file->elf;
}

Elf_Scn *elf_file__section(struct elf_file *file, const char *name, Elf64_Shdr *header)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names))
		return NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		const char *own;

		if (!gelf_getshdr(section, header))
			continue;
		own = elf_strptr(file->elf, names, header->sh_name);
		if (own && strcmp(own, name) == 0)
			return section;
	}
	return NULL;
}

Elf_Scn *elf_file__section_of_type(struct elf_file *file, uint32_t type, Elf64_Shdr *header)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(file->elf, section)))
		if (gelf_getshdr(section, header) && header->sh_type == type)
			return section;
	return NULL;
}

const void *elf_file__section_bytes(Elf_Scn *section, size_t *size)
{
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;

	*size = data && data->d_buf ? data->d_size : 0;
	return *size ? data->d_buf : NULL;
}

const void *elf_file__section_items(Elf_Scn *section, size_t item_size, size_t *count)
{
	size_t align = item_size & -item_size, size;
	const void *bytes = elf_file__section_bytes(section, &size);

	if ((uintptr_t)bytes % (align < 8 ? align : 8))
		bytes = NULL;
	*count = bytes ? size / item_size : 0;
	return bytes;
}

bool elf_file__vaddr_to_offset(struct elf_file *file, uint64_t vaddr, uint64_t *offset)
{
	size_t count;

	if (elf_getphdrnum(file->elf, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(file->elf, i, &header) || header.p_type != PT_LOAD ||
			vaddr < header.p_vaddr || vaddr - header.p_vaddr >= header.p_filesz)
			continue;
		*offset = vaddr - header.p_vaddr + header.p_offset;
		return true;
	}
	return false;
}

/* Appends the strings of tag @tag to @names; without @names returns the first. */
static const char *read_dynamic(struct elf_file *file, int64_t tag, elf_names *names, int *code)
{
	Elf64_Shdr header;
	Elf_Scn *section = elf_file__section_of_type(file, SHT_DYNAMIC, &header);
	size_t count;
	const Elf64_Dyn *entries = elf_file__section_items(section, sizeof(*entries), &count);

	for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
		const char *name;

		if (entries[i].d_tag != tag)
			continue;
		name = elf_strptr(file->elf, header.sh_link, entries[i].d_un.d_val);
		if (name && !names)
			return name;
		if (name && vec_push(names, name))
			*code = -ENOMEM;
	}
	return NULL;
}

const char *elf_file__soname(struct elf_file *file)
{
	return read_dynamic(file, DT_SONAME, NULL, NULL);
}

int elf_file__needed(struct elf_file *file, elf_names *names)
{
	int code = 0;

	read_dynamic(file, DT_NEEDED, names, &code);
	return code;
}
