/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The outermost frames of a stack, with which every thread begins: _start and what the C library
 * calls main or a thread's function through. They tell nothing. A program may give its own
 * functions the same names: those lie further in, each kind of root counts once, and they do not
 * belong to the C library, which only a static program contains itself.
 */
#ifndef MEMTRACE_REPORT_ROOTS_H
#define MEMTRACE_REPORT_ROOTS_H

#include <stdbool.h>
#include <stddef.h>

struct root_frame {
	const char *function; /* NULL: unknown */
	const char *module;   /* the file's name, without its directory; NULL: in no file */
};

/* No stack has more roots than this: only so many of its outermost frames are looked at. */
#define ROOTS_MAX 24

/*
 * How many of the last of @count frames, innermost first, are such; at most count - 1, as a stack
 * of nothing else has no better frame.
 */
size_t roots__count(const struct root_frame *frames, size_t count);

/* The same with those through which Rust's and C++'s libraries enter a program or its thread. */
size_t roots__count_with_language(const struct root_frame *frames, size_t count);

#endif
