/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which allocation functions may have return probes. A return probe replaces the return address on
 * the stack, and the kernel keeps the true ones in a list per thread, ordered as one stack is: a
 * function that may give way to another stack (fibers, user-level threads), or be left by an
 * exception, must have none. The functions of a C library and of widespread allocators are known to
 * do nothing of the kind; those of any other file are not, whatever their names.
 *
 * Files are recognized by functions that they define beside malloc and free:
 *	C library	__libc_start_main and __errno_location (shared glibc, musl)
 *	static glibc	_int_malloc; the function lies where __libc_malloc etc. do
 *	static musl	__init_libc; malloc lies where default_malloc does
 *	jemalloc	mallctl, mallctlbymib and mallocx, under the same prefix as the function
 *	tcmalloc	tc_version and tc_malloc; TCMallocInternalMalloc (abseil's)
 *	mimalloc	mi_version and mi_malloc
 *	oneTBB		__TBB_malloc_proxy
 *	sanitizers	__sanitizer_print_stack_trace and __sanitizer_get_allocated_size
 * In a program's own file, which may define some functions itself and link the others, only those
 * of tcmalloc's and mimalloc's names or places count; no operators do.
 */
#ifndef MEMTRACE_PROBE_KNOWN_ALLOCATORS_H
#define MEMTRACE_PROBE_KNOWN_ALLOCATORS_H

#include <stdbool.h>

#include "probe/candidates.h"

struct known_file {
	const struct elf_view *view;
	bool is_executable; /* the program's own file: the full symbol table counts, too */
};

/* Whether the function is one of a C library's or of an allocator known as above. */
bool known_allocators__own(const struct known_file *file, const struct candidate *candidate);

#endif
