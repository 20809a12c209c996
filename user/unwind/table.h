/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * An unwind table: the rows of one ELF file, built from its .eh_frame (or .debug_frame), ready for
 * the walker. Formats: bpf/unwind.h.
 */
#ifndef MEMTRACE_UNWIND_TABLE_H
#define MEMTRACE_UNWIND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "unwind.h"
#include "unwind/known_code.h"
#include "unwind/rule.h"

struct unwind_statistics {
	uint64_t fdes;
	uint64_t malformed;		     /* entries, or ends of FDEs, that make no sense */
	uint64_t defects[RULE_DEFECT_COUNT]; /* rows */
	uint64_t build_ns;		     /* 0: from the cache */
};

struct unwind_table {
	uint16_t machine;     /* EM_X86_64, EM_AARCH64 */
	uint64_t text_start;  /* vaddr of row pc 0: the lowest executable vaddr of the file */
	uint64_t text_end;    /* first vaddr after the highest */
	const uint64_t *rows; /* sorted; unwind_row() */
	size_t row_count;     /* 0: the file has no frame information */
	const struct unwind_rare *rare; /* UNWIND_RARE's offset is an index into these */
	size_t rare_count;
	struct unwind_statistics statistics;
	struct known_symbols symbols; /* that rows come from, if any do */
	void *storage;		      /* private: what rows and rare lie in, one allocation */
};

/*
 * Builds the table of the ELF file @fd, which stays the caller's. A file without frame information
 * gives a table without rows. Returns 0 and a table for unwind_table__free, or a negative errno as
 * elf_image__read_fd, -ENOMEM, or -E2BIG for a file whose frame information is absurd.
 */
int unwind_table__build(int fd, struct unwind_table **out, struct error *error);

/* The same from an image that was read already. */
int unwind_table__build_image(
	const struct elf_image *image, struct unwind_table **out, struct error *error);

/* The same from an image in memory (the vDSO), which need not outlive the table. */
int unwind_table__build_memory(
	const void *image, size_t size, struct unwind_table **out, struct error *error);

/* The rule in force at @vaddr: UNWIND_NO_RULE where the table has none. */
uint32_t unwind_table__find(const struct unwind_table *table, uint64_t vaddr);

/* Bytes of memory that the table's rows take (in BPF maps as well). */
size_t unwind_table__size(const struct unwind_table *table);

void unwind_table__free(struct unwind_table *table);

#endif
