/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Strings kept once: the names that the symbolizer hands out. Equal strings are one pointer, valid
 * until names__free.
 */
#ifndef MEMTRACE_SYMBOLS_NAMES_H
#define MEMTRACE_SYMBOLS_NAMES_H

#include <stdbool.h>

struct names;

struct names *names__new(void);
void names__free(struct names *names);

/* The kept copy of @text, made fit for a terminal. NULL for NULL, or where memory is short. */
const char *names__intern(struct names *names, const char *text);

/*
 * The same for a text that stays at its place unchanged as long as @names, such as one in a mapped
 * string table: its pointer is known again, without a look at the text.
 */
const char *names__intern_fixed(struct names *names, const char *text);

/*
 * The kept demangled form of @mangled (see demangle.h), or of itself where it is not mangled or
 * @names does not demangle. Each is demangled once. The text must be fixed, as above.
 */
const char *names__demangled(struct names *names, const char *mangled);
void names__set_demangle(struct names *names, bool demangle);

#endif
