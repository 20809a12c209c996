/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The leaks of a trace in its report: which blocks of which call sites no pointer leads to any
 * more. What was looked for and found is census/traced_leaks.h's; here it gets its call sites.
 */
#ifndef MEMTRACE_REPORT_LEAKS_H
#define MEMTRACE_REPORT_LEAKS_H

#include "census/traced_leaks.h"
#include "heap/heap.h"
#include "report/json_writer.h"
#include "report/model.h"

/* Adds what was found in one process. 0 or -ENOMEM. */
int report_leaks__add(struct report *report, const struct traced_leaks *leaks);

/* After all were added to a report that was collected: lists the sites that lost blocks. As above.
 */
int report_leaks__list(struct report *report, const struct heap *heap);

/*
 * After frames have their names and suppressions were applied: sums up what is not suppressed, and
 * sorts the sites by definitely lost bytes.
 */
void report_leaks__arrange(struct report *report);

/* The key `leaks` with its object; nothing where none were looked for. */
void report_leaks__write_json(struct json_writer *json, const struct report *report);

/* The same object alone, as a document. */
void report_leaks__write_document(const struct report *report, FILE *file);

/* The key `leaks` of one of the report's sites; nothing where none were looked for. */
void report_leaks__write_site(
	struct json_writer *json, const struct report *report, const struct report_site *site);

/*
 * For people; nothing where none were looked for. @top sites, 0: as many as a page has. @columns:
 * of a terminal; 0: none.
 */
void report_leaks__write_text(const struct report *report, size_t top, bool full_stacks,
	unsigned int columns, FILE *file);

#endif
