/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What looking at locks needs to know of one ELF file: variables, unwind table, C library. */
#ifndef MEMTRACE_BLOCKED_MODULE_FACTS_H
#define MEMTRACE_BLOCKED_MODULE_FACTS_H

#include "locks/snapshot.h"
#include "process/module.h"
#include "python/runtime.h"
#include "unwind/store.h"

struct module_facts;

/* Nothing is read yet. @module and @store, which has the unwind tables, must outlive it. NULL: no
 * memory. */
struct module_facts *module_facts__new(const struct module *module, struct unwind_store *store);
void module_facts__free(struct module_facts *facts);

/* The unwind table, looked up when first asked; NULL where the file has none that can be read. */
const struct unwind_table *module_facts__table(struct module_facts *facts);
bool module_facts__has_tried_table(const struct module_facts *facts);

/* The variable that holds ELF address @vaddr, demangled, and how far in it; NULL: none. */
const char *module_facts__variable(struct module_facts *facts, uint64_t vaddr, uint64_t *offset);

/* ELF address of the variable @name (as the linker has it); 0: none. */
uint64_t module_facts__find_variable(struct module_facts *facts, const char *name);

/* Which C library the file is, by name, and which glibc 2.N by its banner (0: unknown). */
enum lock_libc module_facts__libc(struct module_facts *facts, int *minor);

/* Finds out whether this is a static program with a C library in it: module_facts__libc then says
 * which, without its version. */
void module_facts__find_static_libc(struct module_facts *facts);

/* The Python interpreter in the file that is known, found when first asked; NULL: none. */
const struct python_runtime *module_facts__python(struct module_facts *facts);

#endif
