/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the page about locks says of whole processes, of what a thread holds, and in the end. */
#ifndef MEMTRACE_REPORT_LOCKS_VERDICTS_H
#define MEMTRACE_REPORT_LOCKS_VERDICTS_H

#include <stdio.h>

#include "locks/findings.h"

/* That nothing inside the process can wake it, and what could from outside. */
void locks_verdicts__print_hung(FILE *file, const struct hung_process *hung);

/* The other side of wait @index: what its thread has itself, and who waits for that; in lines that
 * each begin with @indent. */
void locks_verdicts__print_held(
	FILE *file, const struct lock_findings *findings, size_t index, const char *indent);

/* The last line, where no verdict above was sufficient. */
void locks_verdicts__print_summary(FILE *file, const struct lock_findings *findings);

#endif
