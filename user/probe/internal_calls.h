/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * glibc calls free on its own behalf: when a thread ends, tcache_thread_shutdown (malloc/malloc.c,
 * since 2.26) hands the thread's cache of chunks back through __libc_free, chunks that the program
 * freed before. The program did not make these calls. They are recognized by where they return to:
 * in libc.so, whatever else calls free goes through the PLT, so that free can be interposed, and
 * only these calls (and realloc's, which are nested) are direct.
 */
#ifndef MEMTRACE_PROBE_INTERNAL_CALLS_H
#define MEMTRACE_PROBE_INTERNAL_CALLS_H

#include "base/vec.h"
#include "probe/elf_view.h"

typedef VEC(uint64_t) return_addresses;

/*
 * Appends to @out the addresses (as the file counts them) that direct calls of @free_address
 * return to: in glibc's libc.so anywhere; in a static program only those in the function that ends
 * a thread, if its symbols tell where that is; elsewhere none. 0 or -ENOMEM.
 */
int internal_calls__find(const struct elf_view *view, uint64_t free_address, return_addresses *out);

#endif
