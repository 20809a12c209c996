/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Processes in the text report: a line for each, and which of them a site belongs to. */
#ifndef MEMTRACE_REPORT_TEXT_PROCESSES_H
#define MEMTRACE_REPORT_TEXT_PROCESSES_H

#include "report/text_sites.h"

/* Those that are to blame first; nothing where only one was traced. */
void text__print_processes(struct text_page *page, const struct report *report);

/*
 * Which processes hold what the site does, for @size bytes at @out: "in 1234 server", or "in 4
 * processes, 72% in 1234 server"; nothing where only one was traced.
 */
void text__describe_processes(
	const struct report *report, const struct report_site *site, char *out, size_t size);

#endif
