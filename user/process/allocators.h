/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The table of functions that give out or take back heap memory: which symbol, which record name,
 * which argument is the size, the count, the pointer. It knows names and signatures only; whether
 * a function that a file defines is worth a probe, and where, is attach/'s matter.
 *
 * Sources of the signatures: ISO C23 7.24.3 and POSIX.1-2024 for the C functions, malloc(3) of
 * glibc 2.36 for the historic ones, [new.delete] of C++20 and the Itanium C++ ABI mangling for the
 * operators, jemalloc(3) of 5.3, mimalloc.h of 2.0 and gperftools/tcmalloc.h of 2.10.
 */
#ifndef MEMTRACE_PROCESS_ALLOCATORS_H
#define MEMTRACE_PROCESS_ALLOCATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "probe.h"

struct allocator_function {
	const char *name;  /* symbol, mangled; without a user's prefix */
	uint8_t function;  /* enum event_function */
	uint8_t operation; /* enum probe_operation, never HINT or LOADER */
	uint8_t size;	   /* argument indexes, PROBE_NO_ARGUMENT where there is none */
	uint8_t count;
	uint8_t pointer;
	uint8_t flags;	  /* PROBE_* */
	bool distinctive; /* a name that nobody gives to anything else: a local symbol counts too */
};

/*
 * The table, in order of preference: where two names stand for one address (malloc and
 * __libc_malloc), the one that comes first names the probe. All entries live as long as the
 * program.
 */
size_t allocators__count(void);
const struct allocator_function *allocators__at(size_t index);

/* Entry of a symbol's name (without version), or NULL. */
const struct allocator_function *allocators__find(const char *symbol);

/*
 * Entry of a symbol that carries @prefix before a plain name of the table ("je_malloc" for "je_"),
 * or NULL. Operators new and delete take no prefix.
 */
const struct allocator_function *allocators__find_prefixed(const char *symbol, const char *prefix);

/* The prefixes that widespread builds use, tried without being asked; ends with NULL. */
const char *const *allocators__prefixes(void);

/* Whether the entry is an operator new or delete of C++ (they may be replaced, and may throw). */
bool allocators__is_operator(const struct allocator_function *function);

/* Whether the entry is one that gives memory back and does nothing else. */
bool allocators__is_free(const struct allocator_function *function);

/* The arguments that a probe on it reads: bit n for argument n. */
uint8_t allocators__arguments(const struct allocator_function *function);

/* The attach cookie (probe.h) for an entry, under an operation that may differ (PROBE_HINT). */
uint64_t allocators__cookie(
	const struct allocator_function *function, enum probe_operation operation);

/* How a record's function is called in reports: "malloc", "operator new[]"; never NULL. */
const char *allocators__function_name(enum event_function function);

#endif
