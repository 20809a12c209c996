/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A recording as a report: replayed, collected and named. */
#ifndef MEMTRACE_CMD_REPLAYED_H
#define MEMTRACE_CMD_REPLAYED_H

#include "cmd/view_options.h"
#include "report/estimates.h"
#include "report/model.h"
#include "report/own_samples.h"
#include "stream/replay.h"
#include "symbols/symbolizer.h"

struct replayed {
	struct replay replay;
	struct report report;
	struct report_own_samples own_samples;
	struct report_estimates estimates; /* of a run with windows */
	VEC(struct report_target) targets;
	VEC(struct report_setting) settings;
	struct modules *modules;       /* of this machine, where the recording has no names */
	struct symbolizer *symbolizer; /* NULL until it is needed */
	const struct view_options *view;
};

/*
 * Reads the recording at @path and makes the report that @view asks for of the time between
 * @from_ns and @to_ns (0: the end), counted from the run's start. What is wrong with the file
 * becomes notes of the report. Returns 0, or a negative errno with @error set; free it in any case.
 */
int replayed__load(struct replayed *replayed, const char *path, const struct view_options *view,
	uint64_t from_ns, uint64_t to_ns, struct error *error);
void replayed__free(struct replayed *replayed);

#endif
