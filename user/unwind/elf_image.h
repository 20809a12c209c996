/*
 * The parts of an ELF file that unwinding needs: executable segments and the call frame
 * information, read from a file or from a copy in memory (the vDSO).
 *
 * Nothing in the file is trusted: every offset and size is checked against the file's, and what is
 * read is copied (a mapped file that is cut short meanwhile would be SIGBUS). Section headers are
 * used when they are there; a stripped file is read by its program headers alone.
 */
#ifndef MEMTRACE_UNWIND_ELF_IMAGE_H
#define MEMTRACE_UNWIND_ELF_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A section's bytes, a copy. */
struct elf_bytes {
	uint8_t *data; /* NULL: the file has none */
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
	/* Private: where bytes come from. */
	int fd;
	const uint8_t *memory;
	uint64_t file_size;
};

/*
 * Reads the ELF file @fd, which stays the caller's and must stay open as long as the image. Returns
 * 0 or a negative errno: -ENOEXEC if it is not a 64-bit little-endian ELF file of a machine that
 * memtrace knows, -EBADMSG if its headers lie, or that of pread.
 */
int elf_image__read_fd(struct elf_image *image, int fd, struct error *err);

/* The same for an image in memory; @memory is the caller's and must outlive the image. */
int elf_image__read_memory(
	struct elf_image *image, const void *memory, size_t size, struct error *err);

void elf_image__free(struct elf_image *image);

/* Copies @size bytes at file offset @offset to @to. 0, -EBADMSG beyond the end, or as pread. */
int elf_image__read(const struct elf_image *image, uint64_t offset, void *to, size_t size);

#endif
