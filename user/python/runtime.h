/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which CPython a file has in it, and where: by its own symbols. */
#ifndef MEMTRACE_PYTHON_RUNTIME_H
#define MEMTRACE_PYTHON_RUNTIME_H

#include "process/module.h"
#include "python/layout.h"

/* The parts that a compiler may have cut the interpreter's loop into. */
#define PYTHON_LOOP_PARTS 4

struct python_runtime {
	const struct python_layout *layout; /* NULL: an interpreter that is not known */
	uint64_t runtime;		    /* ELF address of _PyRuntime */
	struct {
		uint64_t start;
		uint64_t end;
	} loop[PYTHON_LOOP_PARTS]; /* ELF addresses of _PyEval_EvalFrameDefault */
	size_t loop_parts;
	char refusal[96]; /* why it is not known, for a person; "" */
};

/*
 * Whether @module has a Python interpreter in it; then fills @out. Of one that is known, layout is
 * set; of another, refusal is.
 */
bool python_runtime__find(const struct module *module, struct python_runtime *out);

/* Whether ELF address @vaddr is in the interpreter's loop. */
bool python_runtime__in_loop(const struct python_runtime *runtime, uint64_t vaddr);

/* What the walk needs, for a process that has the module mapped with @bias. */
struct python_space python_runtime__space(const struct python_runtime *runtime, uint64_t bias);

#endif
