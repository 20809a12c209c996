/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The interpreters of files, each looked for once. One thread. */
#ifndef MEMTRACE_PYTHON_RUNTIMES_H
#define MEMTRACE_PYTHON_RUNTIMES_H

#include "python/runtime.h"

struct python_runtimes;

struct python_runtimes *python_runtimes__new(void);
void python_runtimes__free(struct python_runtimes *runtimes);

/* The interpreter in @module, known or refused; NULL: none. Valid as long as @runtimes. */
const struct python_runtime *python_runtimes__get(
	struct python_runtimes *runtimes, const struct module *module);

#endif
