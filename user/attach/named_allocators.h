/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The files that --allocator FILE[:PREFIX] names. FILE is a path, which leads to the file as it
 * does for any program, links and all; or the end of a path: libfoo.so names each libfoo.so.
 */
#ifndef MEMTRACE_ATTACH_NAMED_ALLOCATORS_H
#define MEMTRACE_ATTACH_NAMED_ALLOCATORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "probe/plan.h"
#include "process/module.h"

/* Bytes for a prefix and its zero. */
#define ALLOCATOR_PREFIX_SIZE 64

/*
 * Checks what can be known beforehand: that a path with a slash leads to an ELF file which defines
 * functions of that prefix. 0, or -ENOENT or another errno with @error set. For other names: 0.
 */
int named_allocators__check(const char *spec, struct error *error);

/*
 * The first of @specs that names @module: its index, with what stands behind its colon in @prefix
 * ("" if nothing does); -1 if none does.
 */
int named_allocators__find(const char *const *specs, size_t count, const struct module *module,
	char prefix[ALLOCATOR_PREFIX_SIZE]);

/* -ENOENT with @error set if no site of the plan begins with @prefix; @path says of what file. */
int named_allocators__check_plan(
	const struct probe_plan *plan, const char *path, const char *prefix, struct error *error);

#endif
