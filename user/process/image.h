/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a module keeps of its ELF file: header, PT_LOAD segments, build ID.
 */
#ifndef MEMTRACE_PROCESS_IMAGE_H
#define MEMTRACE_PROCESS_IMAGE_H

#include "process/module.h"

struct image {
	uint16_t elf_type;
	uint16_t elf_machine;
	struct module_segment *segments; /* malloc'd */
	size_t segment_count;
	struct build_id build_id;
	uint64_t build_id_vaddr; /* ELF address of the build ID's note header */
};

/*
 * Reads the 64-bit little-endian executable or shared object that @fd is open on. Returns 0,
 * -ENOEXEC where it is not one, or another negative errno. The caller frees `segments`.
 */
int image__read(int fd, struct image *out);

/*
 * Whether the bytes @note, read from a target's memory where the note of @id should be, hold the
 * build ID of another file. Bytes that are not a build ID note prove nothing: false.
 */
bool image__note_differs(const struct build_id *id, const void *note, size_t size);

#endif
