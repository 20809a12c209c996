/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Folded stacks, Brendan Gregg's format that flamegraph.pl, inferno and speedscope read: a line for
 * each stack, "root;...;innermost WEIGHT". Sites without weight are left out.
 */
#ifndef MEMTRACE_REPORT_FOLDED_H
#define MEMTRACE_REPORT_FOLDED_H

#include <stdio.h>

#include "report/weight.h"

/* Errors of the stream are the caller's (ferror). */
void folded__write_report(const struct report *report, enum report_weight weight, FILE *file);

#endif
