/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Writes a finished report in the format and to the place that the arguments ask for. */
#ifndef MEMTRACE_CMD_REPORT_OUTPUT_H
#define MEMTRACE_CMD_REPORT_OUTPUT_H

#include "base/error.h"
#include "cmd/view_options.h"
#include "report/json.h"
#include "report/model.h"

/* Says early what would fail only after a long run. 0, or a negative errno with @err set. */
int report_output__check(const struct view_options *view, struct error *err);

/* What a report says besides the heap: waits and deadlocks. Functions may be NULL. */
struct report_extra {
	json_more_fn *write_json;
	void (*write_text)(const void *context, bool full_stacks, FILE *file);
	void (*write_dot)(const void *context, FILE *file);
	const void *context;
	const char *heading; /* in front of the text, where reports follow each other; NULL: none */
};

/* A format of -F. */
struct output_format {
	const char *name;
	const char *help;
	bool is_binary;
	/* 0 or a negative errno. NULL: it is listed from a recording (report_events.h) */
	int (*write)(const struct report *report, const struct report_extra *extra,
		const struct view_options *view, FILE *file);
};

/* Of FORMAT_TEXT and those behind it. */
const struct output_format *report_output__format(enum report_format format);

/* Their names in a row: "a, b or c" with @separator ", " and @last " or ". */
#define FORMAT_NAMES_SIZE 128
void report_output__list_formats(const char *separator, const char *last, char *out);

/*
 * Writes @report, whose frames have their names. A file for tools leaves the terminal to the
 * reader: the text goes to stdout unless another format does. 0, or a negative errno with @err set.
 */
int report_output__write(const struct report *report, const struct report_extra *extra,
	const struct view_options *view, struct error *err);

/* Columns of the terminal that stdout is, at least 80; 0: it is none. */
unsigned int report_output__columns(void);

#endif
