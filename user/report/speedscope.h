/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * speedscope's own JSON (https://www.speedscope.app/file-format-schema.json): one "sampled" profile
 * for each weight that is not zero everywhere, all sharing one table of frames.
 */
#ifndef MEMTRACE_REPORT_SPEEDSCOPE_H
#define MEMTRACE_REPORT_SPEEDSCOPE_H

#include <stdio.h>

#include "report/model.h"

/* 0 or -ENOMEM; errors of the stream are the caller's (ferror). */
int speedscope__write_report(const struct report *report, FILE *file);

/*
 * Waits instead: alloc_bytes of each site of @report are the nanoseconds waited, alloc_count how
 * often. The same.
 */
int speedscope__write_waits(const struct report *report, FILE *file);

#endif
