/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/report_output.h"

#include <errno.h>
#include <string.h>

#include "report/output.h"

int report_output__check(const struct view_options *view, struct error *error)
{
	int err = view->json ? output__check(view->json_path, error) : 0;

	if (!err && view->format)
		err = output__check(view->output, error);
	return err;
}

/* Writes what view->format says to @path. */
static int write_to(const struct report *report, const struct report_extra *extra,
	const struct view_options *view, const char *path, struct error *error)
{
	struct format_options options = {
		.top = view->top,
		.full_stacks = view->full_stacks,
		.has_weight = view->has_weight,
		.weight = view->weight,
	};
	struct output output;
	int err = output__open(&output, path, error);

	if (err)
		return err;
	err = formats__write(view->format, report, extra, &options, output.file);
	if (!err)
		return output__commit(&output, error);
	output__abort(&output);
	if (view->format == FORMAT_SVG && err == -ENOENT)
		return error__set(error, err, "svg needs Graphviz's dot, which is not installed");
	if (report->estimates && err == -ENOTSUP)
		return error__set(error, err,
			"a run with --budget gives estimates, as text or as JSON (--json)");
	return error__set(error, err, "cannot write the report in this format: %s", strerror(-err));
}

int report_output__write(const struct report *report, const struct report_extra *extra,
	const struct view_options *view, struct error *error)
{
	struct view_options other = *view;
	bool stdout_is_taken = view->format_only || (view->json && !view->json_path) ||
			       (view->format && !view->output);
	int err = 0;

	if (view->format)
		err = write_to(report, extra, view, view->output, error);
	if (!err && view->json) {
		other.format = FORMAT_JSON;
		err = write_to(report, extra, &other, view->json_path, error);
	}
	if (!err && !stdout_is_taken) {
		other.format = FORMAT_TEXT;
		err = write_to(report, extra, &other, NULL, error);
	}
	return err;
}
