/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * --python-allocator: Python's objects as blocks of the heap. Its own allocator, pymalloc, hands
 * small ones out of arenas that it maps, by code that compilers copy into a hundred functions of
 * the interpreter: no probe sees all of them. So the interpreter is asked to do without it, which
 * PYTHONMALLOC does for a program that starts.
 */
#ifndef MEMTRACE_CMD_PYTHON_ALLOCATOR_H
#define MEMTRACE_CMD_PYTHON_ALLOCATOR_H

#include <sys/types.h>

#include "base/error.h"

/*
 * Sets the variable in this process's environment, for a command that is launched later; a setting
 * that does without pymalloc is kept. 0, or -EINVAL with @error set: it is set to use pymalloc.
 */
int python_allocator__set(struct error *error);

/* 0 if process @pid was started so; else -EINVAL with @error set. */
int python_allocator__check(pid_t pid, struct error *error);

#endif
