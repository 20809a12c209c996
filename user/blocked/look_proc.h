/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The look through /proc, for look.c. */
#ifndef MEMTRACE_BLOCKED_LOOK_PROC_H
#define MEMTRACE_BLOCKED_LOOK_PROC_H

#include "base/vec.h"
#include "blocked/look.h"

typedef VEC(struct look_thread) look_threads;

/* Appends the threads of process @pid; one that is gone has none. Returns 0 or -ENOMEM. */
int look_proc__add_process(pid_t pid, look_threads *out);

/* Appends those of every process that we see. Returns 0 or a negative errno. */
int look_proc__add_all(look_threads *out);

#endif
