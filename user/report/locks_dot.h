/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The wait-for graph for Graphviz: threads as boxes, locks as ellipses, cycles in red. */
#ifndef MEMTRACE_REPORT_LOCKS_DOT_H
#define MEMTRACE_REPORT_LOCKS_DOT_H

#include <stdio.h>

#include "locks/findings.h"

void locks_dot__write(FILE *file, const struct lock_findings *findings);

#endif
