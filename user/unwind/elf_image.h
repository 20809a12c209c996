/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The parts of an ELF file that unwinding needs: executable segments and the call frame
 * information, read from a file or from a copy in memory (the vDSO) by the one reader of ELF files.
 * Section headers are used when they are there; a stripped file is read by its program headers
 * alone.
 */
#ifndef MEMTRACE_UNWIND_ELF_IMAGE_H
#define MEMTRACE_UNWIND_ELF_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/elf_file.h"

/* A section's bytes. */
struct elf_bytes {
	const uint8_t *data; /* NULL: the file has none */
	size_t size;
	uint64_t vaddr; /* of the first byte, as in the file (before relocation) */
};

/* More executable segments than any linker makes; the rest are ignored. */
#define ELF_IMAGE_MAX_SEGMENTS 16

struct elf_segment {
	uint64_t vaddr;
	uint64_t file_offset;
	uint64_t size; /* bytes in the file */
};

struct elf_image {
	uint16_t machine;				 /* EM_X86_64, EM_AARCH64, ... */
	uint16_t type;					 /* ET_EXEC, ET_DYN, ... */
	struct elf_segment text[ELF_IMAGE_MAX_SEGMENTS]; /* executable, in file order */
	size_t text_count;
	uint64_t text_start; /* lowest vaddr of code and the first one after the highest */
	uint64_t text_end;
	uint64_t entry; /* vaddr of the entry point; 0: none */
	struct elf_bytes eh_frame;
	struct elf_bytes debug_frame; /* functions that .eh_frame may leave out */
	struct elf_file *file;	      /* what all of it is in */
	/* Private: sections that were compressed. */
	void *unpacked[2];
};

/*
 * Reads the ELF file @fd, which stays the caller's and must stay open as long as the image. Returns
 * 0 or a negative errno: -ENOEXEC if it is not a 64-bit little-endian ELF file of a machine that
 * memtrace knows, -EBADMSG if its headers lie.
 */
int elf_image__read_fd(struct elf_image *image, int fd, struct error *error);

/* The same for an image in memory; @memory is the caller's and must outlive the image. */
int elf_image__read_memory(
	struct elf_image *image, const void *memory, size_t size, struct error *error);

void elf_image__free(struct elf_image *image);

#endif
