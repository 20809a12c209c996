/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The report of a run that had windows (--budget): what sampling/ makes of it, site by site. All
 * figures are estimates and say so.
 */
#ifndef MEMTRACE_REPORT_ESTIMATES_H
#define MEMTRACE_REPORT_ESTIMATES_H

#include "report/text.h"
#include "sampling/sampling.h"

struct report_estimates {
	struct sampling_summary summary;
	sampled_sites sites; /* in the order of report.sites */
};

/*
 * Fills in @report->sites with what stays first, and @estimates, which @report refers to from then
 * on. Under the stream's lock. 0 or -ENOMEM; the caller calls estimates__free.
 */
int estimates__collect(struct report *report, struct report_estimates *estimates,
	const struct heap *heap, struct sampling *sampling, const struct report_options *options);
void estimates__free(struct report_estimates *estimates);

/* The writers of a report with estimates. */
void estimates__write_text(
	const struct report *report, const struct text_options *options, FILE *file);
void estimates__write_json(const struct report *report, FILE *file);

#endif
