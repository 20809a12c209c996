/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The children that a process has. */
#ifndef MEMTRACE_PROCESS_CHILDREN_H
#define MEMTRACE_PROCESS_CHILDREN_H

#include <sys/types.h>

#include "base/vec.h"

typedef VEC(pid_t) pid_list;

/*
 * Appends the PIDs of the children of @pid, of all its threads, to @out, which the caller frees
 * with vec_free. From /proc/PID/task/TID/children (proc(5)): right unless children end meanwhile,
 * when some may be left out. Returns 0, also for a process that is gone, or -ENOMEM, or -ENOTSUP
 * where the kernel has no such files (CONFIG_PROC_CHILDREN).
 */
int children__list(pid_t pid, pid_list *out);

/*
 * Calls @visit for each descendant of the processes in @pids, breadth first, and appends it there;
 * a process's children are listed once @visit has been called for it. On a kernel without such
 * files nothing is visited, which is reported. 0 or -ENOMEM.
 */
int children__visit(pid_list *pids, void (*visit)(void *context, pid_t pid), void *context);

#endif
