/*
 * The parts of an ELF file that name things: symbol tables, the dynamic section. On libelf, with
 * every number of the file checked: it may be hostile. 64-bit little-endian files only.
 *
 * A file of the target's is read, not mapped, unless it is root's: whoever may truncate a mapped
 * file can kill its reader (SIGBUS).
 */
#ifndef MEMTRACE_TARGET_ELF_FILE_H
#define MEMTRACE_TARGET_ELF_FILE_H

#include "base/error.h"
#include "base/vec.h"

#include <elf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file;

/*
 * Opens the file of @fd, which must stay open as long as the elf_file and is not taken over.
 * Returns 0, -ENOEXEC where it is no such ELF file, or another negative errno.
 */
int elf_file__open(int fd, struct elf_file **out, struct error *err);

/* The same for an image of @size bytes in memory, which must stay as long as the elf_file. */
int elf_file__open_memory(void *image, size_t size, struct elf_file **out, struct error *err);

void elf_file__close(struct elf_file *file);

/* For libdw, and whatever is not wrapped here. Owned by the elf_file. */
Elf *elf_file__elf(struct elf_file *file);

enum elf_table {
	ELF_DYNSYM = 1, /* what the loader sees */
	ELF_SYMTAB = 2, /* what the linker saw, unless stripped */
	ELF_ANY_TABLE = 3,
};

struct elf_symbol {
	const char *name; /* valid as long as the elf_file */
	uint64_t value;	  /* ELF address */
	uint64_t size;	  /* bytes; 0 unknown */
	uint8_t type;	  /* STT_* */
	uint8_t binding;  /* STB_* */
	uint8_t table;	  /* ELF_DYNSYM or ELF_SYMTAB */
	bool defined;	  /* in this file */
	bool old_version; /* not the default version of its name: malloc@V, not malloc@@V */
};

/* Returns false to end the iteration. */
typedef bool (*elf_symbol_fn)(void *context, const struct elf_symbol *symbol);

/* Calls @each for every named symbol of the @tables, .dynsym first. Returns 0 or negative errno. */
int elf_file__each_symbol(
	struct elf_file *file, unsigned int tables, elf_symbol_fn each, void *context);

struct elf_wanted {
	const char *name;	  /* in */
	struct elf_symbol symbol; /* out, if found */
	bool found;		  /* out */
};

/*
 * Looks up many names at once among the defined symbols of @tables. Of several with a name, the
 * default version goes before old ones, .dynsym before .symtab, global before local. Returns how
 * many of the @count were found, or a negative errno.
 */
int elf_file__find_symbols(
	struct elf_file *file, unsigned int tables, struct elf_wanted *wanted, size_t count);

/* DT_SONAME, or NULL. */
const char *elf_file__soname(struct elf_file *file);

typedef VEC(const char *) elf_names;

/* DT_NEEDED of all libraries, in order, appended to @names. Returns 0 or a negative errno. */
int elf_file__needed(struct elf_file *file, elf_names *names);

/* Offset in the file of the byte at ELF address @vaddr; false where no PT_LOAD has it. */
bool elf_file__vaddr_to_offset(struct elf_file *file, uint64_t vaddr, uint64_t *offset);

/* The section called @name, and its header; NULL where there is none. */
Elf_Scn *elf_file__section(struct elf_file *file, const char *name, Elf64_Shdr *header);

/* The first section of @type (SHT_*), and its header; NULL where there is none. */
Elf_Scn *elf_file__section_of_type(struct elf_file *file, uint32_t type, Elf64_Shdr *header);

/*
 * The bytes of a section as one block; NULL where it has none (or is SHT_NOBITS). Owned by the
 * elf_file. Not decompressed.
 */
const void *elf_file__section_bytes(Elf_Scn *section, size_t *size);

/* The same as an array of @item_size bytes each; NULL too where it is not aligned for them. */
const void *elf_file__section_items(Elf_Scn *section, size_t item_size, size_t *count);

#endif
