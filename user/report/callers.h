/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which frame of a call site names it. Above the allocation function there may be frames that say
 * nothing about who allocated: a library's nameless functions, wrappers of malloc, pools'
 * own functions, containers. The first frame behind them is the caller: a named one, or one of the
 * program's own, which in a stripped program has no name.
 */
#ifndef MEMTRACE_REPORT_CALLERS_H
#define MEMTRACE_REPORT_CALLERS_H

#include "report/model.h"

/*
 * The index of the frame of @site, which has names, that names it; 0 if none is better. Where there
 * are Python frames it is one of them (python_site.h).
 */
size_t callers__first(const struct report_site *site);

/* The same, as if Python frames were like any others. */
size_t callers__first_native(const struct report_site *site);

/* Whether a named frame says nothing about who allocated, wherever in a stack. */
bool callers__is_plumbing(const struct report_frame *frame);

/* Where its frames end that tell something: behind are those with which every thread begins. */
size_t callers__end(const struct report_site *site);

/*
 * Marks (report_frame.is_wrapper) what the stacks of all sites together show to be a wrapper of an
 * allocation function, whatever its name: many functions allocate through it, blocks of several
 * sizes, and none of them in another way; it asks for them in few places of its own; and it does
 * nothing else that allocates. Frames have names. 0 or -ENOMEM, and then nothing is marked.
 */
int callers__mark_wrappers(struct report *report);

/* What a site is that needs no one's attention, in words; NULL: an ordinary one. */
const char *callers__remark(const struct report_site *site);

#endif
