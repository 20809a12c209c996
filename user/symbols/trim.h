/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which frames at the top of an allocation's stack say nothing about who allocated: the
 * allocation functions themselves, and the wrappers through which a language calls them. What is
 * above them (std::allocator, std::vector, Vec) is the program's own business and stays.
 */
#ifndef MEMTRACE_SYMBOLS_TRIM_H
#define MEMTRACE_SYMBOLS_TRIM_H

#include <stdbool.h>
#include <stddef.h>

#include "symbols/symbolizer.h"

/*
 * Whether a function called @function, demangled or not, is such: malloc and its kin, operator
 * new, Rust's __rust_alloc... False for NULL.
 */
bool trim__is_allocator(const char *function);

/*
 * Whether the module that a frame is in is an artefact of tracing: the page from which the kernel
 * runs probed instructions and return probes ("[uprobes]" in /proc/PID/maps).
 */
bool trim__is_artefact(const char *module_path);

#endif
