/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Graphviz's language, as far as several reports are written in it. */
#ifndef MEMTRACE_REPORT_DOT_H
#define MEMTRACE_REPORT_DOT_H

#include <stdio.h>

/*
 * Writes @text as a part of a quoted string, in which only quotes and backslashes mean anything.
 * What may not be shown on a terminal is a '?'.
 */
void dot__put_text(FILE *file, const char *text);

#endif
