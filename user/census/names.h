/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a census needs to know beyond the image: names, and constants that need not be in memory
 * since their file has them.
 */
#ifndef MEMTRACE_CENSUS_NAMES_H
#define MEMTRACE_CENSUS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct census_names {
	void *context;
	/* The @size bytes at @address of a module's constants. False: they cannot be had. */
	bool (*constant)(void *context, uint64_t address, void *to, size_t size);
	/*
	 * The name of the variable that holds @address, "table" or "table+8", and its module's.
	 * False: no symbol; the module's is "" if there is none either, with *@offset in it.
	 */
	bool (*variable)(void *context, uint64_t address, char *name, char *module, size_t size,
		uint64_t *offset);
	/* Writes what @mangled stands for; false where it is not such a name. */
	bool (*demangle)(void *context, const char *mangled, char *out, size_t size);
};

#endif
