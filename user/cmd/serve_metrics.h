/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace serve: what metrics are made of. On the lane of reports. */
#ifndef MEMTRACE_CMD_SERVE_METRICS_H
#define MEMTRACE_CMD_SERVE_METRICS_H

#include "cmd/serve_run.h"
#include "report/metrics.h"

/* Writes them, one way or another. 0 or -ENOMEM. */
typedef int serve_metrics_fn(const struct metrics_source *source, void *context);

/* Has @write write the metrics of @report, which is named. What that returns. */
int serve_metrics__write(struct serve *serve, const struct serve_status *status,
	const struct report *report, serve_metrics_fn *write, void *context);

#endif
