/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Messages for the person at the terminal; all go to stderr, each one line with "memtrace: ". What
 * a terminal would not show as a character (base/text.h) becomes '?'.
 */
#ifndef MEMTRACE_BASE_LOG_H
#define MEMTRACE_BASE_LOG_H

#include <stdbool.h>

/* Warnings of one kind (one format) shown in a row; a kind is shown again after some time. */
#define LOG_WARNINGS_OF_A_KIND 8

/* Shows (or hides) log__debug lines; off until called. Set once, from -v. */
void log__set_verbose(bool verbose);
bool log__is_verbose(void);

void log__debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
/*
 * A warning that repeats is counted and not repeated: of one kind, LOG_WARNINGS_OF_A_KIND are shown
 * in ten seconds. How many were not is reported with the next one that is, or by log__flush.
 * @format is a literal: its address is the kind. All are shown with -v.
 */
void log__warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* How the command gets on, such as "attached to ...": a line without "memtrace: ". */
void log__status(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log__error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says how many warnings were not shown since; to be called before the program ends. */
void log__flush(void);

#endif
