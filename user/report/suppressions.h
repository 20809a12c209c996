/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Leaks that are known and not to be reported, in the two formats that programs have files of:
 *
 *  - Valgrind's ("Suppressing errors" in its manual, 2.5): { NAME, Memcheck:Leak, optionally
 *    match-leak-kinds:, then fun:, obj: and src: lines or "..." from the innermost frame on, with *
 *    and ?. Suppressions of other tools and errors are passed over.
 *  - LeakSanitizer's: leak:PATTERN, which stands anywhere in the function, file or module of any
 *    frame; * stands for anything, ^ and $ for the ends.
 *
 * Functions may be given as the linker has them or demangled.
 */
#ifndef MEMTRACE_REPORT_SUPPRESSIONS_H
#define MEMTRACE_REPORT_SUPPRESSIONS_H

#include "base/error.h"
#include "report/model.h"

struct suppressions;

/* NULL: no memory. */
struct suppressions *suppressions__new(void);
void suppressions__free(struct suppressions *suppressions);

/* Adds those of a file. 0, or a negative errno with @error set, that of a line it names. */
int suppressions__read(struct suppressions *suppressions, const char *path, struct error *error);

/* The same from memory; @path is for messages. */
int suppressions__parse(struct suppressions *suppressions, const char *path, const char *text,
	size_t size, struct error *error);

/*
 * Marks the report's leaks that are suppressed, by all frames of their stacks, once these have
 * names and before they are trimmed. 0 or -ENOMEM. @suppressions may be NULL, and outlives @report.
 */
int suppressions__apply(const struct suppressions *suppressions, struct report *report);

#endif
