/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where a process comes from (a fork without exec, of which parent), and what could wake it from
 * outside: from /proc/PID/stat, status, timers and children.
 */
#ifndef MEMTRACE_BLOCKED_PROCESS_ORIGIN_H
#define MEMTRACE_BLOCKED_PROCESS_ORIGIN_H

#include "locks/snapshot.h"

/* Fills forked, parent, parent_threads, handled and has_timer of @process, whose pid is set. What
 * cannot be read stays as if there were none of it. */
void process_origin__read(struct lock_process *process);

#endif
