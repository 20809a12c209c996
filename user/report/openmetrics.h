/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Figures as text for Prometheus, in one of its two formats: OpenMetrics 1.0 or the older text
 *format 0.0.4. They differ in the name that a counter's TYPE and HELP lines have (without and with
 * "_total"), and in a word. Both end with "# EOF", a comment in the older one.
 *
 *	openmetrics__family(&out, METRIC_COUNTER, "memtrace_events_lost", NULL, "Events that ...");
 *	openmetrics__sample(&out);
 *	openmetrics__label(&out, "cause", "ring_full");
 *	openmetrics__integer(&out, 12);
 */
#ifndef MEMTRACE_REPORT_OPENMETRICS_H
#define MEMTRACE_REPORT_OPENMETRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define OPENMETRICS_OLDER_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };

/* Takes families and samples instead of a file: what the functions below are called with. */
struct openmetrics_sink {
	void (*family)(void *context, enum metric_type type, const char *name, const char *unit,
		const char *help);
	void (*label)(void *context, const char *name, const char *value);
	/* A value ends its sample. */
	void (*integer)(void *context, uint64_t value);
	void (*number)(void *context, double value);
};

struct openmetrics {
	FILE *file;
	const struct openmetrics_sink *sink; /* NULL: text is written to the file */
	void *context;			     /* of the sink */
	bool is_older;			     /* the text format 0.0.4 */
	const char *name;		     /* of the family */
	enum metric_type type;
	bool has_label; /* of the sample */
};

/*
 * A family begins: its samples follow. @unit: NULL, or what @name ends with: "bytes", "seconds".
 * @name has no "_total". All are static.
 */
void openmetrics__family(struct openmetrics *out, enum metric_type type, const char *name,
	const char *unit, const char *help);

/* A sample begins: its labels, if any, and then its value follow. */
void openmetrics__sample(struct openmetrics *out);
/* @value may be any text. An empty one is as if the label were absent: it is not written. */
void openmetrics__label(struct openmetrics *out, const char *name, const char *value);
void openmetrics__integer(struct openmetrics *out, uint64_t value);
void openmetrics__number(struct openmetrics *out, double value);

/* After the last sample. */
void openmetrics__end(struct openmetrics *out);

#endif
