/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The stubs of the procedure linkage table: code that jumps through a GOT slot to a function of
 * another library. They have no symbols; the relocation of the slot has the name.
 * Layouts: x86-64 psABI 5.2 and its IBT variant (.plt.sec), the aarch64 ELF ABI.
 */
#ifndef MEMTRACE_PROCESS_ELF_PLT_H
#define MEMTRACE_PROCESS_ELF_PLT_H

#include "process/elf_file.h"

struct elf_plt_entry {
	const char *name;  /* of the function that it jumps to; NULL for IRELATIVE slots */
	uint64_t resolver; /* IRELATIVE: ELF address of the function that picks the target */
	uint64_t address;  /* ELF address of the stub */
	uint64_t size;	   /* bytes */
};

typedef VEC(struct elf_plt_entry) elf_plt_entries;

/*
 * Appends the stubs of .plt, .plt.sec and .plt.got, in no order. Returns 0 or a negative errno; a
 * file of an unknown machine has none. Names are valid as long as @file.
 */
int elf_file__plt(struct elf_file *file, elf_plt_entries *entries);

#endif
