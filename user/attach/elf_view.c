#include "attach/elf_view.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A table of @count elements of @size bytes at file @offset, or NULL if it is not all there. */
static const void *table_at(
	const struct elf_view *view, uint64_t offset, uint64_t count, size_t size)
{
	if (offset > view->size || count > (view->size - offset) / size)
		return NULL;
	return view->data + offset;
}

static bool is_supported(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB;
}

const uint8_t *elf_view__at(const struct elf_view *view, uint64_t address, size_t *available)
{
	for (size_t i = 0; i < view->segment_count; i++) {
		const Elf64_Phdr *segment = &view->segments[i];
		uint64_t into = address - segment->p_vaddr;

		if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
			into >= segment->p_filesz)
			continue;
		if (segment->p_offset > view->size || into >= view->size - segment->p_offset)
			return NULL;
		*available = segment->p_filesz - into;
		if (*available > view->size - segment->p_offset - into)
			*available = view->size - segment->p_offset - into;
		return view->data + segment->p_offset + into;
	}
	return NULL;
}

int64_t elf_view__offset(const struct elf_view *view, uint64_t address)
{
	size_t available;
	const uint8_t *bytes = elf_view__at(view, address, &available);

	return bytes ? bytes - view->data : -1;
}

bool elf_view__is_code(const struct elf_view *view, uint64_t address)
{
	for (size_t i = 0; i < view->segment_count; i++) {
		const Elf64_Phdr *segment = &view->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X &&
			address >= segment->p_vaddr &&
			address - segment->p_vaddr < segment->p_filesz)
			return true;
	}
	return false;
}

static void take_dynamic_symbols(
	struct elf_view *view, uint64_t symtab, uint64_t strtab, uint64_t strtab_size)
{
	size_t available;
	const uint8_t *bytes = elf_view__at(view, symtab, &available);

	if (!bytes || (uintptr_t)bytes % _Alignof(Elf64_Sym))
		return;
	view->dynsym = (const Elf64_Sym *)bytes;
	view->dynsym_limit = available / sizeof(Elf64_Sym);
	bytes = elf_view__at(view, strtab, &available);
	if (!bytes)
		return;
	view->dynstr = (const char *)bytes;
	view->dynstr_size = strtab_size < available ? strtab_size : available;
}

static void read_dynamic(struct elf_view *view, const Elf64_Dyn *entries, size_t count)
{
	uint64_t symtab = 0, strtab = 0, strtab_size = 0, soname = UINT64_MAX;

	for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
		uint64_t value = entries[i].d_un.d_val;

		switch (entries[i].d_tag) {
		case DT_SYMTAB:
			symtab = value;
			break;
		case DT_STRTAB:
			strtab = value;
			break;
		case DT_STRSZ:
			strtab_size = value;
			break;
		case DT_SONAME:
			soname = value;
			break;
		case DT_GNU_HASH:
			view->gnu_hash = value;
			break;
		case DT_HASH:
			view->sysv_hash = value;
			break;
		case DT_RELA:
			view->rela = value;
			break;
		case DT_RELASZ:
			view->rela_size = value;
			break;
		case DT_JMPREL:
			view->jmprel = value;
			break;
		case DT_PLTRELSZ:
			view->jmprel_size = value;
			break;
		}
	}
	take_dynamic_symbols(view, symtab, strtab, strtab_size);
	if (soname <= UINT32_MAX)
		view->soname = elf_view__dynamic_name(view, soname);
}

static void read_segments(struct elf_view *view)
{
	const Elf64_Phdr *segments =
		table_at(view, view->header->e_phoff, view->header->e_phnum, sizeof(Elf64_Phdr));

	if (!segments || view->header->e_phoff % _Alignof(Elf64_Phdr) ||
		view->header->e_phentsize != sizeof(Elf64_Phdr))
		return;
	view->segments = segments;
	view->segment_count = view->header->e_phnum;
	for (size_t i = 0; i < view->segment_count; i++) {
		const Elf64_Dyn *dynamic;
		size_t count = segments[i].p_filesz / sizeof(Elf64_Dyn);

		if (segments[i].p_type != PT_DYNAMIC)
			continue;
		dynamic = table_at(view, segments[i].p_offset, count, sizeof(Elf64_Dyn));
		if (dynamic && segments[i].p_offset % _Alignof(Elf64_Dyn) == 0)
			read_dynamic(view, dynamic, count);
		return;
	}
}

int elf_view__open(struct elf_view *view, int fd, struct error *err)
{
	struct stat stat;
	void *data;

	*view = (struct elf_view){0};
	if (fstat(fd, &stat))
		return error__set(err, -errno, "cannot look at the file: %s", strerror(errno));
	if (!S_ISREG(stat.st_mode) || stat.st_size < (off_t)sizeof(Elf64_Ehdr))
		return error__set(err, -EINVAL, "no ELF file");
	/*
	 * Shared: into private mappings, readable ones too, the kernel writes the breakpoints of
	 * every tracer that looks at all processes, and the code read there would not be the
	 * file's.
	 */
	data = mmap(NULL, stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return error__set(err, -errno, "cannot map the file: %s", strerror(errno));
	view->data = data;
	view->size = stat.st_size;
	view->header = data;
	if (!is_supported(view->header)) {
		elf_view__close(view);
		return error__set(err, -EINVAL, "no 64-bit little-endian ELF file");
	}
	read_segments(view);
	return 0;
}

void elf_view__close(struct elf_view *view)
{
	if (view->data)
		munmap((void *)view->data, view->size);
	*view = (struct elf_view){0};
}

static const char *string_at(const char *strings, size_t size, uint64_t offset)
{
	if (!strings || offset >= size || !memchr(strings + offset, 0, size - offset))
		return "";
	return strings + offset;
}

const char *elf_view__dynamic_name(const struct elf_view *view, uint32_t offset)
{
	return string_at(view->dynstr, view->dynstr_size, offset);
}

static bool section_at(const struct elf_view *view, size_t index, Elf64_Shdr *out)
{
	const uint8_t *bytes;

	if (index >= view->header->e_shnum || view->header->e_shentsize != sizeof(*out))
		return false;
	bytes = table_at(view, view->header->e_shoff, view->header->e_shnum, sizeof(*out));
	if (!bytes)
		return false;
	memcpy(out, bytes + index * sizeof(*out), sizeof(*out));
	return true;
}

bool elf_view__symtab(const struct elf_view *view, struct elf_symtab *out)
{
	Elf64_Shdr symbols, names;

	for (size_t i = 0; section_at(view, i, &symbols); i++) {
		if (symbols.sh_type != SHT_SYMTAB || !section_at(view, symbols.sh_link, &names))
			continue;
		out->count = symbols.sh_size / sizeof(Elf64_Sym);
		out->symbols = table_at(view, symbols.sh_offset, out->count, sizeof(Elf64_Sym));
		out->names = table_at(view, names.sh_offset, names.sh_size, 1);
		out->names_size = names.sh_size;
		return out->symbols && out->names && symbols.sh_offset % _Alignof(Elf64_Sym) == 0;
	}
	return false;
}

const char *elf_symtab__name(const struct elf_symtab *table, const Elf64_Sym *symbol)
{
	return string_at(table->names, table->names_size, symbol->st_name);
}

/* --- hash tables of names (gABI chapter 5 "Hash Table"; GNU's as binutils' elflink.c writes it) */

static const Elf64_Sym *dynamic_symbol(
	const struct elf_view *view, uint32_t index, const char *name)
{
	const Elf64_Sym *symbol;

	if (index >= view->dynsym_limit)
		return NULL;
	symbol = &view->dynsym[index];
	if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value)
		return NULL;
	return strcmp(elf_view__dynamic_name(view, symbol->st_name), name) ? NULL : symbol;
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (const uint8_t *p = (const uint8_t *)name; *p; p++)
		hash = hash * 33 + *p;
	return hash;
}

static uint32_t sysv_hash_of(const char *name)
{
	uint32_t hash = 0;

	for (const uint8_t *p = (const uint8_t *)name; *p; p++) {
		hash = (hash << 4) + *p;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	return hash;
}

struct gnu_hash {
	const uint32_t *buckets, *chains;
	const uint64_t *bloom;
	uint32_t bucket_count, first_symbol, bloom_size, bloom_shift;
	size_t chain_count;
};

static bool read_gnu_hash(const struct elf_view *view, struct gnu_hash *out)
{
	size_t available, used;
	const uint32_t *words = (const uint32_t *)elf_view__at(view, view->gnu_hash, &available);

	if (!words || (uintptr_t)words % sizeof(uint64_t) || available < 16)
		return false;
	out->bucket_count = words[0];
	out->first_symbol = words[1];
	out->bloom_size = words[2];
	out->bloom_shift = words[3] & 31;
	used = 16 + (size_t)out->bloom_size * 8 + (size_t)out->bucket_count * 4;
	if (!out->bucket_count || !out->bloom_size || used > available)
		return false;
	out->bloom = (const uint64_t *)(words + 4);
	out->buckets = (const uint32_t *)(out->bloom + out->bloom_size);
	out->chains = out->buckets + out->bucket_count;
	out->chain_count = (available - used) / 4;
	return true;
}

static const Elf64_Sym *find_by_gnu_hash(
	const struct elf_view *view, const struct gnu_hash *table, const char *name)
{
	uint32_t hash = gnu_hash_of(name), index;
	uint64_t word = table->bloom[hash / 64 % table->bloom_size];
	uint64_t mask = 1ull << hash % 64 | 1ull << (hash >> table->bloom_shift) % 64;

	if ((word & mask) != mask)
		return NULL;
	index = table->buckets[hash % table->bucket_count];
	for (; index >= table->first_symbol; index++) {
		size_t chain = index - table->first_symbol;
		const Elf64_Sym *symbol;

		if (chain >= table->chain_count)
			return NULL;
		symbol = (table->chains[chain] | 1) == (hash | 1)
				 ? dynamic_symbol(view, index, name)
				 : NULL;
		if (symbol || table->chains[chain] & 1)
			return symbol;
	}
	return NULL;
}

static const Elf64_Sym *find_by_sysv_hash(const struct elf_view *view, const char *name)
{
	size_t available;
	const uint32_t *words = (const uint32_t *)elf_view__at(view, view->sysv_hash, &available);
	uint32_t bucket_count, chain_count, index;

	if (!words || (uintptr_t)words % 4 || available < 8)
		return NULL;
	bucket_count = words[0];
	chain_count = words[1];
	if (!bucket_count || 2 + (uint64_t)bucket_count + chain_count > available / 4)
		return NULL;
	index = words[2 + sysv_hash_of(name) % bucket_count];
	/* A chain has at most all the symbols: a longer one goes round in circles. */
	for (uint32_t steps = 0; index && index < chain_count && steps < chain_count; steps++) {
		const Elf64_Sym *symbol = dynamic_symbol(view, index, name);

		if (symbol)
			return symbol;
		index = words[2 + bucket_count + index];
	}
	return NULL;
}

const Elf64_Sym *elf_view__find_dynamic(const struct elf_view *view, const char *name)
{
	struct gnu_hash table;

	if (!view->dynsym || !view->dynstr)
		return NULL;
	if (view->gnu_hash && read_gnu_hash(view, &table))
		return find_by_gnu_hash(view, &table, name);
	return view->sysv_hash ? find_by_sysv_hash(view, name) : NULL;
}

static bool binds_pointer(const struct elf_view *view, uint32_t type)
{
	if (view->header->e_machine == EM_X86_64)
		return type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT ||
		       type == R_X86_64_64;
	return type == R_AARCH64_GLOB_DAT || type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_ABS64;
}

/* Which relocation is looked for: by its place, or, if that is 0, by its symbol's name. */
struct bound_pointer {
	uint64_t slot;
	const char *name;
};

/* Name of the symbol of the first such relocation in a table, or NULL. */
static const char *bound_in(const struct elf_view *view, uint64_t table, uint64_t table_size,
	const struct bound_pointer *wanted)
{
	size_t available;
	const uint8_t *bytes = elf_view__at(view, table, &available);

	if (!bytes)
		return NULL;
	if (table_size < available)
		available = table_size;
	for (size_t i = 0; i + sizeof(Elf64_Rela) <= available; i += sizeof(Elf64_Rela)) {
		Elf64_Rela entry;
		const char *name;
		uint32_t symbol;

		memcpy(&entry, bytes + i, sizeof(entry));
		symbol = ELF64_R_SYM(entry.r_info);
		if ((wanted->slot && entry.r_offset != wanted->slot) || !symbol ||
			symbol >= view->dynsym_limit ||
			!binds_pointer(view, ELF64_R_TYPE(entry.r_info)))
			continue;
		name = elf_view__dynamic_name(view, view->dynsym[symbol].st_name);
		if (wanted->slot || strcmp(name, wanted->name) == 0)
			return name;
	}
	return NULL;
}

static const char *find_bound(const struct elf_view *view, const struct bound_pointer *wanted)
{
	const char *name = bound_in(view, view->jmprel, view->jmprel_size, wanted);

	return name ? name : bound_in(view, view->rela, view->rela_size, wanted);
}

const char *elf_view__bound_name(const struct elf_view *view, uint64_t slot)
{
	return slot ? find_bound(view, &(struct bound_pointer){.slot = slot}) : NULL;
}

bool elf_view__binds(const struct elf_view *view, const char *name)
{
	return find_bound(view, &(struct bound_pointer){.name = name});
}
