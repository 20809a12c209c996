/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Demangled function names cut down to what tells them apart. */
#ifndef MEMTRACE_REPORT_FUNCTION_NAME_H
#define MEMTRACE_REPORT_FUNCTION_NAME_H

#include <stddef.h>

/* Longest result of the functions below, the final 0 included. */
#define NAME_SIZE 256

/*
 * Writes @name to @out (NAME_SIZE bytes) in at most @width (8 to NAME_SIZE - 1) bytes: as it is if
 * it fits; else without its parameter list; else with template arguments as <...>; else its tail
 * behind "...". Operators such as operator<, operator() and "(anonymous namespace)" stay whole.
 */
void function_name__shorten(const char *name, size_t width, char *out);

/*
 * Writes the qualified name alone to @out (NAME_SIZE bytes), cut to its size: without parameters,
 * and without the return type that C++ demanglers write in front of templates ("std::vector<int>
 * make<int>()" is not a function of std).
 */
void function_name__bare(const char *function, char *out);

#endif
