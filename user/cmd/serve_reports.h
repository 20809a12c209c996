/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace serve: reports of the run so far, and their differences. On the lane of reports. */
#ifndef MEMTRACE_CMD_SERVE_REPORTS_H
#define MEMTRACE_CMD_SERVE_REPORTS_H

#include "cmd/serve_run.h"
#include "report/model.h"

/* Fills @out, {0}, with figures of all sites, without names. 0 or -ENOMEM; report__free. */
int serve_reports__collect(
	struct serve *serve, const struct serve_status *status, struct report *out);

/* Names its frames. 0 or -ENOMEM. */
int serve_reports__name(struct serve *serve, const struct serve_status *status, struct report *out);

/* The figures of all sites at one time, for report_before__free. NULL: no memory. */
struct report_before;
struct report_before *report_before__take(const struct report *report);
void report_before__free(struct report_before *before);

/*
 * Leaves in @report what came since: sites whose figures changed, by how much. Figures of what is
 * live may be negative, as int64_t.
 */
void report_before__subtract(const struct report_before *before, struct report *report);

/* The same of what was allocated alone; all sites stay. */
void report_before__subtract_allocated(const struct report_before *before, struct report *report);

#endif
