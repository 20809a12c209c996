/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Function and file names cut down to a column's width, in ways that keep what tells them apart. */
#ifndef MEMTRACE_REPORT_NAMES_H
#define MEMTRACE_REPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Longest result of names__shorten, the final 0 included. */
#define NAME_SIZE 256

/*
 * Writes @name to @out (NAME_SIZE bytes) in at most @width (8 to NAME_SIZE - 1) bytes: as it is if
 * it fits; else without its parameter list; else with template arguments as <...>; else its tail
 * behind "...". Operators such as operator<, operator() and "(anonymous namespace)" stay whole.
 */
void names__shorten(const char *name, size_t width, char *out);

/* The part of @path after its last slash. */
const char *names__base(const char *path);

/*
 * Whether a function is plumbing between the program and the allocator (std:: containers and
 * allocators, Rust's alloc crate): a folded stack starts below such frames.
 */
bool names__is_plumbing(const char *function);

#endif
