/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the target's allocator sampled itself (sampling/own_samples.h), in a report: a part of its
 * own, as these are estimates and what the probes of functions saw is not. In a run that reads
 * samples alone (--mode samples) the report's sites are these, too, so that every format has them.
 */
#ifndef MEMTRACE_REPORT_OWN_SAMPLES_H
#define MEMTRACE_REPORT_OWN_SAMPLES_H

#include "report/json.h"
#include "report/text_sites.h"
#include "sampling/own_samples.h"

struct report_own_samples {
	struct own_totals totals;
	own_sites sites; /* those of report.sampled_sites, in their order */
};

/*
 * Fills in @report->sampled_sites and @own, which @report refers to from then on; without samples
 * nothing. After report__collect, under the stream's lock. 0 or -ENOMEM; the caller calls
 * report_own_samples__free.
 */
int report_own_samples__collect(struct report *report, struct report_own_samples *own,
	const struct heap *heap, const struct own_samples *samples);
void report_own_samples__free(struct report_own_samples *own);

/* The part of a text and of a JSON report; nothing where there were none. */
void report_own_samples__print(struct text_page *page, const struct report *report);
void report_own_samples__write_json(struct json_writer *json, const struct report *report);

#endif
