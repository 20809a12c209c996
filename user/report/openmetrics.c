/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/openmetrics.h"

#include <inttypes.h>

#include "base/text.h"

void openmetrics__family(struct openmetrics *out, enum metric_type type, const char *name,
	const char *unit, const char *help)
{
	const char *suffix = out->is_older && type == METRIC_COUNTER ? "_total" : "";

	if (out->sink) {
		out->sink->family(out->context, type, name, unit, help);
		return;
	}
	out->name = name;
	out->type = type;
	fprintf(out->file, "# HELP %s%s %s\n", name, suffix, help);
	fprintf(out->file, "# TYPE %s%s %s\n", name, suffix,
		type == METRIC_COUNTER ? "counter" : "gauge");
	if (unit && !out->is_older)
		fprintf(out->file, "# UNIT %s %s\n", name, unit);
}

void openmetrics__sample(struct openmetrics *out)
{
	out->has_label = false;
	if (!out->sink)
		fprintf(out->file, "%s%s", out->name, out->type == METRIC_COUNTER ? "_total" : "");
}

void openmetrics__label(struct openmetrics *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	if (out->sink) {
		out->sink->label(out->context, name, value);
		return;
	}
	fprintf(out->file, "%s%s=\"", out->has_label ? "," : "{", name);
	out->has_label = true;
	while (*value) {
		bool shows;
		size_t length = text__character(value, &shows);

		/* Names are a target's: what may not be shown is not passed on, either. */
		if (!shows)
			fputc('?', out->file);
		else if (*value == '\\' || *value == '"')
			fprintf(out->file, "\\%c", *value);
		else
			fwrite(value, 1, length, out->file);
		value += length;
	}
	fputc('"', out->file);
}

static void end_labels(struct openmetrics *out)
{
	fputs(out->has_label ? "} " : " ", out->file);
}

void openmetrics__integer(struct openmetrics *out, uint64_t value)
{
	if (out->sink) {
		out->sink->integer(out->context, value);
		return;
	}
	end_labels(out);
	fprintf(out->file, "%" PRIu64 "\n", value);
}

void openmetrics__number(struct openmetrics *out, double value)
{
	if (out->sink) {
		out->sink->number(out->context, value);
		return;
	}
	end_labels(out);
	fprintf(out->file, "%.9g\n", value);
}

void openmetrics__end(struct openmetrics *out)
{
	if (!out->sink)
		fputs("# EOF\n", out->file);
}
