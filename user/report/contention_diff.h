/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What changed between two profiles of contention. They may have been traced for different times:
 * so what is compared is the time waited per second traced. A lock is the same by kind, name and
 * module, or by address where it has no name; a function by name, or module and offset.
 */
#ifndef MEMTRACE_REPORT_CONTENTION_DIFF_H
#define MEMTRACE_REPORT_CONTENTION_DIFF_H

#include <stdio.h>

#include "report/contention.h"

/* 0 or -ENOMEM; errors of the stream are the caller's (ferror). At most @top of each list. */
int contention_diff__write_text(const struct contention_report *before,
	const struct contention_report *after, size_t top, FILE *file);

/*
 * {version, profile, before{}, after{}, locks[], waiting_functions[], holding_functions[]}: each
 * item of a list with its figures before and after, also those that are unchanged. The same.
 */
int contention_diff__write_json(
	const struct contention_report *before, const struct contention_report *after, FILE *file);

#endif
