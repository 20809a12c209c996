/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What DWARF says of code: functions, those inlined into them, source lines. Uses libdw, except in
 * the search for functions (dwarf_scan.h), and one compilation unit at a time: reading all of a
 * large program takes minutes.
 *
 * At first the ranges of all units are read; of a unit that an address falls into, its functions;
 * of such a function, what is inlined in it. DWARF 5, 3.1.1 (units), 3.3 (subroutines), 3.3.8
 * (inlined ones), 6.2 (lines). The input may be hostile: all walks are bounded.
 */
#ifndef MEMTRACE_SYMBOLS_DWARF_SOURCE_H
#define MEMTRACE_SYMBOLS_DWARF_SOURCE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

struct dwarf_source;

/* The strings are libdw's: valid as long as the source. */
struct dwarf_frame {
	const char *linkage_name; /* mangled; NULL in C and where the compiler gives none */
	const char *name;	  /* as in the source, without namespaces; NULL unknown */
	const char *file;	  /* NULL unknown */
	uint32_t line;		  /* 0 unknown */
	uint32_t column;
	bool inlined;		 /* into the frame behind it */
	uint64_t function_start; /* ELF address where the whole function begins; 0 unknown */
};

typedef VEC(struct dwarf_frame) dwarf_frames;

/*
 * Reads the units of @dwarf, made of the file @fd, which stays the caller's and must live as long.
 * Only code in
 * [@text_start, @text_end) counts: linkers leave units of dropped sections at address 0.
 * NULL: no memory.
 */
struct dwarf_source *dwarf_source__new(
	Dwarf *dwarf, int fd, uint64_t text_start, uint64_t text_end);
void dwarf_source__free(struct dwarf_source *source);

/*
 * The frames of the ELF address @vaddr, innermost first; @out is emptied before. Without a
 * function there is one frame with file and line alone, or none. Returns 0 or -ENOMEM.
 */
int dwarf_source__resolve(struct dwarf_source *source, uint64_t vaddr, dwarf_frames *out);

#endif
