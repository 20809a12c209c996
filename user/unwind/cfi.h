/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Call frame information: the entries of .eh_frame (LSB Core 10.6) and .debug_frame (DWARF 5,
 * 6.4). A CIE holds what many functions share, an FDE describes one piece of code. What their
 * instructions say is in cfi_program.h.
 */
#ifndef MEMTRACE_UNWIND_CFI_H
#define MEMTRACE_UNWIND_CFI_H

#include "base/bytes.h"
#include "unwind/elf_image.h"

struct cfi_section {
	const struct elf_bytes *bytes;
	bool is_debug_frame;
};

struct cfi_cie {
	size_t offset; /* in the section: identifies it */
	uint64_t code_alignment;
	int64_t data_alignment;
	uint64_t return_register;
	uint8_t pointer_encoding; /* DW_EH_PE_* of the FDE's addresses */
	bool has_augmentation_data;
	bool is_signal_frame;
	const uint8_t *instructions;
	size_t instructions_size;
};

struct cfi_fde {
	struct cfi_cie cie;
	uint64_t start; /* vaddr */
	uint64_t end;	/* first vaddr after */
	const uint8_t *instructions;
	size_t instructions_size;
};

/* Goes over a section's FDEs in file order. Starts as {.section = ..., .next = 0}. */
struct cfi_iterator {
	struct cfi_section section;
	size_t next;	    /* offset of the next entry */
	struct cfi_cie cie; /* the last one used: most FDEs in a row share one */
	bool cie_valid;
	uint64_t malformed; /* entries that were skipped */
};

/* *@fde = the next FDE that can be read; false at the end. Malformed entries are counted. */
bool cfi__next_fde(struct cfi_iterator *it, struct cfi_fde *fde);

#endif
