/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Whether a page fault brought in one page or a huge one, of which the fault does not tell. */
#ifndef MEMTRACE_STREAM_HUGE_PAGES_H
#define MEMTRACE_STREAM_HUGE_PAGES_H

#include "event.h"

/*
 * Makes the record of a fault that may have brought in a huge page (PAGE_FAULT_MAY_BE_HUGE) one of
 * a huge page if such a page is there. Where nobody can be asked any more it is as the last one
 * was.
 */
void huge_pages__resolve(struct event_alloc *fault);

#endif
