/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * MiniDebugInfo: the section .gnu_debugdata, an ELF file with a .symtab of the functions that
 * .dynsym lacks, compressed with xz (Fedora and its kin have it in every binary).
 */
#ifndef MEMTRACE_SYMBOLS_MINIDEBUG_H
#define MEMTRACE_SYMBOLS_MINIDEBUG_H

#include "process/elf_file.h"

/*
 * Unpacks it into a buffer that the caller frees. Returns 0, -ENOENT where @file has none, -EINVAL
 * where it is corrupt, -EFBIG where it claims to be larger than any real one.
 */
int minidebug__unpack(struct elf_file *file, void **image, size_t *size);

#endif
