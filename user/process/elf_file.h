/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The one reader of ELF files: headers, segments, sections, symbol tables, the dynamic section, the
 * build ID. Whoever asks for bytes gets them from a private copy that is filled, by pread, with
 * what is asked for and no more: no file is ever mapped, since whoever may truncate a mapped file
 * can kill its reader (SIGBUS), and what was read once never changes again.
 *
 * The copy has the file's layout: one reservation of address space as long as the file, without
 * memory behind what was not read. So bytes have one place for good, and tables need no copies of
 * their own.
 *
 * Nothing in the file is trusted: every offset, size and string is checked against what there is.
 * 64-bit little-endian files only. Layouts: gABI chapters 4 and 5. One thread at a time.
 */
#ifndef MEMTRACE_PROCESS_ELF_FILE_H
#define MEMTRACE_PROCESS_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

struct elf_file;

/*
 * Opens the file of @fd, which must stay open as long as the elf_file and is not taken over.
 * Returns 0, -ENOEXEC where it is not such an ELF file, or another negative errno.
 */
int elf_file__open(int fd, struct elf_file **out, struct error *error);

/* The same for an image of @size bytes in memory, which must stay as long as the elf_file. */
int elf_file__open_memory(
	const void *image, size_t size, struct elf_file **out, struct error *error);

void elf_file__close(struct elf_file *file);

/* Bytes of the file, and how many of them the copy holds by now. */
uint64_t elf_file__size(const struct elf_file *file);
uint64_t elf_file__read_bytes(const struct elf_file *file);

/*
 * How many bytes more may be read into the copy, of the ELF_FILE_MAX_COPY at first; what goes
 * beyond is as if it were not in the file.
 */
#define ELF_FILE_MAX_COPY (1ull << 30)
void elf_file__set_limit(struct elf_file *file, uint64_t bytes);

/* Whether something was left out for that reason. */
bool elf_file__was_limited(const struct elf_file *file);

const Elf64_Ehdr *elf_file__header(const struct elf_file *file);

/* The program headers; NULL where there are none or they are not all in the file. */
const Elf64_Phdr *elf_file__segments(const struct elf_file *file, size_t *count);

/* The first segment of @type (PT_*), or NULL. */
const Elf64_Phdr *elf_file__segment(const struct elf_file *file, uint32_t type);

/*
 * The @size bytes at @offset: valid until elf_file__close, aligned as in the file. NULL where they
 * are not all in the file (any more), or cannot be read.
 */
const void *elf_file__bytes(struct elf_file *file, uint64_t offset, uint64_t size);

/*
 * Goes over the @size bytes at @offset in blocks, for whom one look is enough: what the copy has
 * not is read, and not kept. 0, -ENOMEM, or -EBADMSG where they are not all there.
 */
int elf_file__each_block(struct elf_file *file, uint64_t offset, uint64_t size,
	void (*each)(void *context, const void *block, size_t size), void *context);

/* @count items of @size bytes at @offset, as elf_file__bytes; NULL if not aligned (at most to 8).
 */
const void *elf_file__items(struct elf_file *file, uint64_t offset, uint64_t count, size_t size);

/*
 * Bytes at ELF address @vaddr: at most @wanted, as many as the segment has there in the file, in
 * @available. NULL where it has none.
 */
const uint8_t *elf_file__at(
	struct elf_file *file, uint64_t vaddr, size_t wanted, size_t *available);

/* Offset in the file of the byte at ELF address @vaddr; false where no PT_LOAD has it. */
bool elf_file__vaddr_to_offset(const struct elf_file *file, uint64_t vaddr, uint64_t *offset);

/* Section headers: all of them, by index, by name, by type (SHT_*); NULL where there is none. */
const Elf64_Shdr *elf_file__sections(struct elf_file *file, size_t *count);
const Elf64_Shdr *elf_file__section_at(struct elf_file *file, size_t index);
const Elf64_Shdr *elf_file__section(struct elf_file *file, const char *name);
const Elf64_Shdr *elf_file__section_of_type(struct elf_file *file, uint32_t type);

/* "" where it has no proper one. */
const char *elf_file__section_name(struct elf_file *file, const Elf64_Shdr *section);

/* A section's bytes, not decompressed; NULL where it has none (or is NULL, or SHT_NOBITS). */
const void *elf_file__section_bytes(struct elf_file *file, const Elf64_Shdr *section, size_t *size);

/* The same as items of @item_size bytes each. */
const void *elf_file__section_items(
	struct elf_file *file, const Elf64_Shdr *section, size_t item_size, size_t *count);

/* Text with zero bytes in it and at its end: whatever begins before the end is a string. */
struct elf_strings {
	const char *text; /* NULL: none */
	size_t size;
};
struct elf_strings elf_file__strings(struct elf_file *file, uint64_t offset, uint64_t size);
struct elf_strings elf_file__section_strings(struct elf_file *file, const Elf64_Shdr *section);

/* The string at @offset, "" where there is none. */
static inline const char *elf_strings__at(const struct elf_strings *strings, uint64_t offset)
{
	return offset < strings->size ? strings->text + offset : "";
}

/* --- symbol tables: elf_symbols.c */

enum elf_table {
	ELF_DYNSYM = 1, /* what the loader sees */
	ELF_SYMTAB = 2, /* what the linker saw, unless stripped */
	ELF_ANY_TABLE = 3,
};

/* A table of symbols as it is in the file. */
struct elf_symtab {
	const Elf64_Sym *symbols;
	size_t count;
	struct elf_strings names;
};

/* The table of @kind, by the section headers; false where there is none. */
bool elf_file__symtab(struct elf_file *file, enum elf_table kind, struct elf_symtab *out);

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

/* --- what the loader reads: elf_dynamic.c */

struct elf_dynamic {
	const Elf64_Dyn *entries;
	size_t count; /* in front of DT_NULL */
	struct elf_strings strings;
};

/* By PT_DYNAMIC, else by the section; false where there is none. */
bool elf_file__dynamic(struct elf_file *file, struct elf_dynamic *out);

/* Value of the first entry with @tag (DT_*), or @otherwise. */
uint64_t elf_dynamic__value(const struct elf_dynamic *dynamic, int64_t tag, uint64_t otherwise);

/* DT_SONAME, or NULL. */
const char *elf_file__soname(struct elf_file *file);

/* --- NT_GNU_BUILD_ID: elf_notes.c */

/*
 * The build ID, with the ELF address of its note in @vaddr (may be NULL): by the program headers,
 * else by the sections (in debug files the former are the stripped file's). NULL: none.
 */
const uint8_t *elf_file__build_id(struct elf_file *file, size_t *size, uint64_t *vaddr);

/* The build ID in @size bytes of notes that are aligned to @align, and its note's offset. */
const uint8_t *elf_notes__build_id(
	const void *notes, size_t size, size_t align, size_t *id_size, size_t *offset);

#endif
