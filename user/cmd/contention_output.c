/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/contention_output.h"

#include <string.h>

#include "cmd/cmd.h"
#include "report/formats.h"
#include "report/output.h"

/* What -F takes. */
static const struct {
	const char *name;
	contention_write_fn *write;
} formats[] = {
	{"folded", contention_folded__write},
	{"pprof", contention_pprof__write},
	{"speedscope", contention_speedscope__write},
	{"dot", contention_dot__write},
	{"html", contention_html__write},
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

void contention__list_formats(const char *separator, const char *last, char *out)
{
	const char *names[FORMATS];

	for (size_t i = 0; i < FORMATS; i++)
		names[i] = formats[i].name;
	formats__join(names, FORMATS, separator, last, out);
}

contention_write_fn *contention_output__find_format(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (!strcmp(name, formats[i].name))
			return formats[i].write;
	return NULL;
}

static bool keeps_profile(const struct contention_output *options)
{
	return !options->format && options->path;
}

int contention_output__check(const struct contention_output *options, struct error *error)
{
	int err = options->json ? output__check(options->json_path, error) : 0;

	if (!err && (options->format || options->path))
		err = output__check(options->path, error);
	return err;
}

static int write_json(const struct contention_report *report, enum contention_side side, FILE *file)
{
	(void)side;
	return contention_json__write(report, file);
}

static int write_text(const struct contention_report *report, enum contention_side side, FILE *file)
{
	(void)side;
	return contention_text__write(report, file);
}

static int write_to(const char *path, contention_write_fn *write,
	const struct contention_output *options, const struct contention_report *report,
	struct error *error)
{
	struct output output;
	int err = output__open(&output, path, error);

	if (err)
		return err;
	err = write(report, options->side, output.file);
	err = err ? error__set(error, err, "out of memory for the report")
		  : output__commit(&output, error);
	output__abort(&output);
	return err;
}

int contention_output__write(const struct contention_output *options,
	const struct contention_report *report, struct error *error)
{
	bool stdout_is_taken =
		(options->json && !options->json_path) || (options->format && !options->path);
	int err = 0;

	if (options->json)
		err = write_to(options->json_path, write_json, options, report, error);
	if (!err && options->format)
		err = write_to(options->path, options->format, options, report, error);
	if (!err && keeps_profile(options))
		err = write_to(options->path, write_json, options, report, error);
	if (!err && !stdout_is_taken)
		err = write_to(NULL, write_text, options, report, error);
	return err;
}
