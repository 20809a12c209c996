/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The functions of a file whose names are in the table of allocators: one entry per address, under
 * its best name. From the dynamic symbols by hash, and where asked from the full symbol table.
 */
#ifndef MEMTRACE_PROBE_CANDIDATES_H
#define MEMTRACE_PROBE_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "probe/elf_view.h"
#include "process/allocators.h"

struct candidate {
	const struct allocator_function *function;
	uint64_t address; /* as the file counts them */
	uint64_t size;	  /* bytes of code; 0: the symbol does not say */
	char name[64];	  /* the symbol, prefix included; cut if longer */
};

struct candidates {
	VEC(struct candidate) list;			 /* sorted by address */
	VEC(const struct allocator_function *) indirect; /* defined as IFUNC: address unknown */
};

/*
 * Collects into @out, which starts as {0}. @symtab: read the full table too; @any_local: in it even
 * local symbols with common names count; @prefix: before the names of the C functions, may be NULL.
 * 0 or -ENOMEM; candidates__free in any case.
 */
int candidates__collect(struct candidates *out, const struct elf_view *view, bool symtab,
	bool any_local, const char *prefix);
void candidates__free(struct candidates *candidates);

/* The traced function at an address, or NULL; a function_at of delegate.h. */
const struct allocator_function *candidates__function_at(void *candidates, uint64_t address);

/* Address of one function by name, 0 if the file does not define it. */
uint64_t candidates__find_function(const struct elf_view *view, const char *name, bool symtab);

/* A program that needs no library and has no symbols. */
bool candidates__is_static_stripped(const struct elf_view *view);

#endif
