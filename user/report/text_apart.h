/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Sites of which the same lines are printed, though they are not the same: two calls in one line of
 * the source, a container's two ways to allocate, callers further out than what is shown.
 */
#ifndef MEMTRACE_REPORT_TEXT_APART_H
#define MEMTRACE_REPORT_TEXT_APART_H

#include "report/text_sites.h"

/*
 * In words (@size bytes at @out) what tells site @index of @count apart from those of them whose
 * printed frames are the same: "call at app+0x1234", "through add", "called from main  app.c:12".
 * False where there is no such site.
 */
bool text__tell_apart(const struct text_page *page, const struct report_site *sites, size_t count,
	size_t index, char *out, size_t size);

#endif
