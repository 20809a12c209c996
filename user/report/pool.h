/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Pools of languages' run-time systems: they map memory in large pieces and hand it out by
 * themselves, so that a call site of the mapping says nothing about who uses it. Each has a switch
 * or a tool that does.
 */
#ifndef MEMTRACE_REPORT_POOL_H
#define MEMTRACE_REPORT_POOL_H

#include "report/model.h"

/*
 * Which pool mapped the memory of @site, which has names, and how to see into it: one sentence for
 * a line of a report. NULL: no pool that is known.
 */
const char *pool__hint(const struct report_site *site);

#endif
