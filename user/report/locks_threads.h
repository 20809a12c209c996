/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The threads of the processes at hand that wait for no lock, and what they do: a line for each,
 * those of a process that do the same in one. */
#ifndef MEMTRACE_REPORT_LOCKS_THREADS_H
#define MEMTRACE_REPORT_LOCKS_THREADS_H

#include <stdio.h>

#include "locks/findings.h"

/* Nothing where there are none. At most @lines, unless @all. */
void locks_threads__print(FILE *file, const struct lock_findings *findings, size_t lines, bool all);

#endif
