/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The arguments that say what a report shows and where it goes: of a live run or a recording. */
#ifndef MEMTRACE_CMD_VIEW_OPTIONS_H
#define MEMTRACE_CMD_VIEW_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "report/formats.h"

struct view_options {
	enum report_sort sort;
	uint64_t top; /* 0: as many as fit (text), all (JSON) */
	uint64_t min_size;
	uint64_t max_size;
	uint64_t older_than_ns;
	bool json;
	const char *json_path; /* NULL: stdout */
	enum report_format format;
	const char *output; /* of `format`; NULL: stdout */
	bool format_only;   /* no text on stdout beside it */
	bool has_weight;
	enum report_weight weight;
	bool full_stacks;
	bool demangle;
	VEC(const char *) debug_dirs;
	bool debuginfod;
};

/* How much of a view a command's help offers; what it does not offer is refused with a reason. */
enum view_offer {
	VIEW_ALL,
	VIEW_RECORD, /* a JSON report beside the recording */
	VIEW_LIVE,   /* filters and names only */
};

/*
 * As the child of a command's argp, whose parser sets state->child_inputs to a view_options. The
 * argp is good until the next call.
 */
const struct argp *view_options__argp(enum view_offer offer);

void view_options__init(struct view_options *view);
void view_options__free(struct view_options *view);

/* Ends the program with a usage error where the options contradict each other. */
void view_options__check(struct argp_state *state, const struct view_options *view);

/* An argp parser's way to say that a value is wrong: a usage error. */
int options__bad_value(struct argp_state *state, const char *option, const char *value);

#endif
