/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#ifndef MEMTRACE_REPORT_RUST_NAMES_H
#define MEMTRACE_REPORT_RUST_NAMES_H

#include <stdbool.h>

/*
 * Whether a function, by its demangled name, is one of Rust's own libraries (core, alloc, std,
 * hashbrown): "alloc::fmt::format", "<alloc::vec::Vec<T> as core::clone::Clone>::clone",
 * "<[u8]>::to_vec". What a program implements itself is not one of them: "<app::Id as
 * core::clone::Clone>", "<alloc::vec::Vec<T> as app::Sum>".
 */
bool rust_names__is_plumbing(const char *function);

#endif
