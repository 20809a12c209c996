/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The formats of a heap report: one table of their names, their help and their writers. */
#ifndef MEMTRACE_REPORT_FORMATS_H
#define MEMTRACE_REPORT_FORMATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "report/json.h"
#include "report/model.h"
#include "report/weight.h"

enum report_format {
	FORMAT_NONE = 0, /* text on stdout, and JSON where --json wants it */
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_NDJSON,
	FORMAT_PPROF,
	FORMAT_FOLDED,
	FORMAT_SPEEDSCOPE,
	FORMAT_HTML,
	FORMAT_DOT,
	FORMAT_SVG,
	FORMAT_COUNT,
};

/* What a reader chooses besides the format. */
struct format_options {
	uint64_t top; /* call sites of the text; 0: as many as fit */
	bool full_stacks;
	bool has_weight; /* else the report's default */
	enum report_weight weight;
};

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
	/* 0 or a negative errno. NULL: it is listed from a recording (events.h) */
	int (*write)(const struct report *report, const struct report_extra *extra,
		const struct format_options *options, FILE *file);
};

/* Of FORMAT_TEXT and those behind it. */
const struct output_format *formats__get(enum report_format format);

/* Names in a row, into @out of FORMAT_NAMES_SIZE: "a, b or c" with @separator ", ", @last " or ".
 */
#define FORMAT_NAMES_SIZE 128
void formats__join(
	const char *const *names, size_t count, const char *separator, const char *last, char *out);

/* The names of all formats in a row. */
void formats__list(const char *separator, const char *last, char *out);

/*
 * Writes @report, whose frames have their names, in @format. 0 or a negative errno: -ENOENT where
 * svg finds no Graphviz, -ENOTSUP for what is not made of a report.
 */
int formats__write(enum report_format format, const struct report *report,
	const struct report_extra *extra, const struct format_options *options, FILE *file);

/* Columns of the terminal that stdout is, at least 80; 0: it is none. */
unsigned int formats__columns(void);

#endif
