/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* C++ (Itanium ABI) and Rust (legacy and v0) names made readable; on libiberty. */
#ifndef MEMTRACE_SYMBOLS_DEMANGLE_H
#define MEMTRACE_SYMBOLS_DEMANGLE_H

/*
 * The readable form of the symbol @mangled, which the caller frees: with parameters for C++,
 * without the hash for Rust. A suffix of the compiler's or the linker's stays: "f() [clone
 * .cold]". NULL where it is not a mangled name, is malformed, or would be absurdly long.
 */
char *demangle__symbol(const char *mangled);

#endif
