/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which process: what each holds at each call site, and in which order a reader wants them. */
#ifndef MEMTRACE_REPORT_PROCESSES_H
#define MEMTRACE_REPORT_PROCESSES_H

#include "report/model.h"

/*
 * From report.site_threads and report.sites (with their growth): fills in report.site_processes, of
 * each site which part of them is its own, and report.ranking. 0 or -ENOMEM.
 */
int report__rank_processes(struct report *report);

/* What the process at @index holds: live, or left at its end. */
uint64_t report__held_by(const struct heap_process *process);

#endif
