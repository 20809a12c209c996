/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * One ELF file as the choice of probes reads it: through the one reader (process/elf_file.h), which
 * reads what is asked for and checks it. Looking up a few hundred names through the file's own hash
 * table costs microseconds, which is what makes it cheap to ask every library of a process whether
 * it is an allocator. Works on any little-endian 64-bit file, whatever it holds.
 */
#ifndef MEMTRACE_PROBE_ELF_VIEW_H
#define MEMTRACE_PROBE_ELF_VIEW_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "process/elf_file.h"

struct elf_view {
	struct elf_file *file;
	const Elf64_Ehdr *header;
	const Elf64_Phdr *segments;
	size_t segment_count;
	/* From PT_DYNAMIC; 0 or NULL where the file has none. */
	uint64_t symtab;
	struct elf_strings strings;
	const char *soname;
	uint64_t gnu_hash, sysv_hash; /* addresses of the tables */
	uint64_t rela, rela_size, jmprel, jmprel_size;
};

/*
 * Opens the file. 0, or a negative errno as elf_file__open. elf_view__close undoes it; @fd stays
 * the caller's and must stay open until then.
 */
int elf_view__open(struct elf_view *view, int fd, struct error *error);
void elf_view__close(struct elf_view *view);

/* The most that elf_view__at gives: more than any allocation function has. */
#define ELF_VIEW_WINDOW (64u << 10)

/*
 * Bytes at virtual address @address (as the file counts them), with their number in @available: up
 * to the end of what the segment has in the file, at most ELF_VIEW_WINDOW. NULL where the file has
 * none.
 */
const uint8_t *elf_view__at(const struct elf_view *view, uint64_t address, size_t *available);

/* File offset of a virtual address, which is what a uprobe takes; -1 where there is none. */
int64_t elf_view__offset(const struct elf_view *view, uint64_t address);

/* Whether the address lies in an executable segment. */
bool elf_view__is_code(const struct elf_view *view, uint64_t address);

/* Symbol that the dynamic symbol table defines under this name, or NULL. */
const Elf64_Sym *elf_view__find_dynamic(const struct elf_view *view, const char *name);

/* The full symbol table, where it was not stripped. */
bool elf_view__symtab(const struct elf_view *view, struct elf_symtab *out);
const char *elf_symtab__name(const struct elf_symtab *table, const Elf64_Sym *symbol);

/*
 * Name of the symbol that the loader binds the pointer at @slot to (a relocation GLOB_DAT,
 * JUMP_SLOT or ABS64 there), or NULL.
 */
const char *elf_view__bound_name(const struct elf_view *view, uint64_t slot);

/* Whether the loader binds any pointer of the file to a symbol of this name. */
bool elf_view__binds(const struct elf_view *view, const char *name);

#endif
