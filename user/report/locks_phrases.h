/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* How the page about locks calls threads, locks and owners: one form for each, in its columns. */
#ifndef MEMTRACE_REPORT_LOCKS_PHRASES_H
#define MEMTRACE_REPORT_LOCKS_PHRASES_H

#include <stdio.h>

#include "locks/waits.h"

/* Columns of the page. */
#define LOCKS_PAGE_WIDTH 79

/* "worker (PID 12, TID 14)", with what it is in its own namespace where that differs. */
void phrase__thread(FILE *file, const struct lock_thread *thread);

/* "mutex cache_lock (app) at 0x601000", no longer than what is left of a line from @column on. */
void phrase__lock(FILE *file, const struct lock_wait *wait, size_t column);

/* The same without place and address. */
void phrase__lock_briefly(FILE *file, const struct lock_wait *wait);

/* "held by worker (PID 12, TID 14), exact", "owner unknown"...; @kind of the wait decides. */
void phrase__owner(FILE *file, const struct lock_wait *wait);

/*
 * What is waited for and who has it, in lines that each begin with @indent: "for mutex m at 0x10",
 * "held by...", "(the reason)"; or "until worker (PID 12, TID 14) ends".
 */
void phrase__wait(FILE *file, const struct lock_wait *wait, const char *indent);

/* " for 1.20 s, with a timeout (3.00 s left)", each part where it is known. */
void phrase__age(FILE *file, const struct lock_wait *wait);

/* @text in parentheses, in lines that fit the page, each behind @indent; nothing for "". */
void phrase__wrapped(FILE *file, const char *text, const char *indent);

/* @text in lines that fit the page: the first behind @indent, the others two columns further. */
void phrase__line(FILE *file, const char *text, const char *indent);

/* The same, the first behind @first, the others behind @others. */
void phrase__lines(FILE *file, const char *text, const char *first, const char *others);

/* The name of a file, printable, cut in its middle to @width columns: its beginning tells most. */
void phrase__module(const char *name, size_t width, char *out, size_t size);

#endif
