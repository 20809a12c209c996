/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which frame of a call site names it. Above the allocation function there may be frames that say
 * nothing about who allocated: a library's functions that have no names, wrappers of malloc, pools'
 * own functions, containers. The first frame behind them is the caller: a named one, or one of the
 * program's own, which in a stripped program has no name.
 */
#ifndef MEMTRACE_REPORT_CALLERS_H
#define MEMTRACE_REPORT_CALLERS_H

#include "report/model.h"

/* The index of the frame of @site, which has names, that names it; 0 if none is better. */
size_t callers__first(const struct report_site *site);

/* What a site is that needs no one's attention, in words; NULL: an ordinary one. */
const char *callers__remark(const struct report_site *site);

#endif
