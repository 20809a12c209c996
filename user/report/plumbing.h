/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Functions that are plumbing between a program and its allocator: std:: containers and allocators,
 * Rust's alloc crate, wrappers of malloc and pools, by their names.
 */
#ifndef MEMTRACE_REPORT_PLUMBING_H
#define MEMTRACE_REPORT_PLUMBING_H

#include <stdbool.h>

/* Whether @function (demangled) is one of them: a folded stack starts below such frames. */
bool plumbing__has(const char *function);

#endif
