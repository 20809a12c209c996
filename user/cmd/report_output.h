/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Writes a finished report in the format and to the place that the arguments ask for. */
#ifndef MEMTRACE_CMD_REPORT_OUTPUT_H
#define MEMTRACE_CMD_REPORT_OUTPUT_H

#include "base/error.h"
#include "cmd/view_options.h"
#include "report/formats.h"

/* Says early what would fail only after a long run. 0, or a negative errno with @error set. */
int report_output__check(const struct view_options *view, struct error *error);

/*
 * Writes @report, whose frames have their names. A file for tools leaves the terminal to the
 * reader: the text goes to stdout unless another format does. 0, or a negative errno with @error
 * set.
 */
int report_output__write(const struct report *report, const struct report_extra *extra,
	const struct view_options *view, struct error *error);

#endif
