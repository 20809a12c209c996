/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace diff A B: what changed between two recordings, or two instants of one.
 */
#include "report/diff.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "cmd/contention_output.h"
#include "cmd/replayed.h"
#include "report/census_diff.h"
#include "report/contention_diff.h"
#include "report/contention_profile.h"
#include "report/formats.h"
#include "report/human.h"
#include "report/output.h"

enum {
	OPT_JSON = 0x100,
	OPT_TOP,
};

/* FILE or FILE@TIME. */
struct instant {
	char *path;
	uint64_t at_ns; /* 0: the end */
};

struct diff_options {
	struct instant sides[2];
	int side_count;
	bool json;
	const char *json_path; /* NULL: stdout */
	size_t top;
};

static const struct argp_option option_table[] = {
	{"json", OPT_JSON, "FILE", OPTION_ARG_OPTIONAL, "Write JSON, to stdout or FILE", 0},
	{"top", OPT_TOP, "N", 0, "Show N call sites (default 10; JSON has all)", 0},
	{0},
};

/* A file whose name has an '@' is taken as it is when it exists. */
static int parse_instant(struct argp_state *state, struct instant *instant, const char *text)
{
	const char *at = strrchr(text, '@');

	instant->path = strdup(text);
	if (!instant->path)
		return ENOMEM;
	if (!at || !access(text, F_OK))
		return 0;
	instant->path[at - text] = '\0';
	if (units__parse_time(at + 1, &instant->at_ns) || !instant->at_ns)
		return options__bad_value(state, "FILE@TIME", text);
	return 0;
}

static int parse_top(struct argp_state *state, struct diff_options *options, const char *text)
{
	char *end;

	errno = 0;
	options->top = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || !options->top)
		return options__bad_value(state, "--top N", text);
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct diff_options *options = state->input;

	switch (key) {
	case OPT_JSON:
		options->json = true;
		options->json_path = arg && strcmp(arg, "-") ? arg : NULL;
		return 0;
	case OPT_TOP:
		return parse_top(state, options, arg);
	case ARGP_KEY_ARG:
		if (options->side_count == 2)
			argp_error(state, "two recordings are compared: unexpected argument '%s'",
				arg);
		return parse_instant(state, &options->sides[options->side_count++], arg);
	case ARGP_KEY_END:
		if (options->side_count < 2)
			argp_error(state, "two recordings are compared: A B, or A@TIME A");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "A[@TIME] B[@TIME]",
	.doc = "Shows which call sites grew, shrank, appeared or vanished between two recordings, "
	       "or two points in time of one (run@10s run@60s). Two profiles of memtrace "
	       "contention -o are compared by the time waited per second.",
};

const struct argp *diff_argp(void)
{
	return &argp;
}

static int write_diff(
	const struct diff *diff, const struct diff_options *options, struct error *error)
{
	struct output output;
	int err = output__open(&output, options->json ? options->json_path : NULL, error);

	if (err)
		return err;
	if (options->json)
		diff__write_json(diff, output.file);
	else
		diff__write_text(diff, formats__columns(), options->top, output.file);
	return output__commit(&output, error);
}

/* What is wrong with a file would be lost between two reports. */
static void warn_of_notes(const struct replayed *replayed, const struct instant *instant)
{
	const char *path = instant->path;
	const struct recording_problems *problems = &replayed->replay.problems;

	if (!problems->has_end || problems->damaged_frames || replayed->replay.missing)
		log__warn("%s is not complete: memtrace report says what is missing", path);
	if (instant->at_ns > replayed->replay.run_ns)
		log__warn("%s ended after %s: using its end", path,
			human__duration(replayed->replay.run_ns).text);
}

/* Two censuses of heaps. */
static int run_census_diff(const struct diff_options *options, struct error *error)
{
	struct census_diff diff = {0};
	json_t *sides[2] = {0};
	struct output output;
	int err = options->json ? output__check(options->json_path, error) : 0;

	for (int i = 0; i < 2 && !err; i++)
		err = census_diff__load(options->sides[i].path, &sides[i], error);
	if (census_diff__compute(&diff, sides[0], sides[1]) && !err)
		err = error__set(error, -ENOMEM, "out of memory for the difference");
	if (!err)
		err = output__open(&output, options->json ? options->json_path : NULL, error);
	if (!err) {
		if (options->json)
			census_diff__write_json(&diff, output.file);
		else
			census_diff__write_text(&diff, options->top, output.file);
		err = output__commit(&output, error);
	}
	census_diff__free(&diff);
	return err;
}

/* Two profiles of waits for locks. */
static int run_contention_diff(const struct diff_options *options, struct error *error)
{
	struct contention_profile *profiles[2] = {0};
	size_t top = options->top ? options->top : CONTENTION_TOP;
	struct contention_report *sides[2];
	struct output output;
	int err = options->json ? output__check(options->json_path, error) : 0;

	for (int i = 0; i < 2 && !err; i++) {
		err = contention_profile__load(options->sides[i].path, &profiles[i], error);
		if (!err)
			sides[i] = contention_profile__report(profiles[i]);
	}
	if (!err)
		err = output__open(&output, options->json ? options->json_path : NULL, error);
	if (!err) {
		err = options->json
			      ? contention_diff__write_json(sides[0], sides[1], output.file)
			      : contention_diff__write_text(sides[0], sides[1], top, output.file);
		err = err ? error__set(error, err, "out of memory for the difference")
			  : output__commit(&output, error);
		output__abort(&output);
	}
	contention_profile__free(profiles[0]);
	contention_profile__free(profiles[1]);
	return err;
}

static int run_diff(const struct diff_options *options, struct error *error)
{
	struct replayed sides[2] = {0};
	struct view_options view;
	struct diff diff = {0};
	int err = options->json ? output__check(options->json_path, error) : 0;

	view_options__init(&view);
	for (int i = 0; i < 2 && !err; i++) {
		err = replayed__load(&sides[i], options->sides[i].path, &view, 0,
			options->sides[i].at_ns, error);
		if (!err)
			warn_of_notes(&sides[i], &options->sides[i]);
	}
	if (!err && (sides[0].report.estimates || sides[1].report.estimates))
		err = error__set(error, -ENOTSUP,
			"recordings made with --budget hold estimates, which are not compared");
	if (!err && diff__compute(&diff, &sides[0].report, &sides[1].report))
		err = error__set(error, -ENOMEM, "out of memory for the difference");
	if (!err)
		err = write_diff(&diff, options, error);
	diff__free(&diff);
	replayed__free(&sides[0]);
	replayed__free(&sides[1]);
	return err;
}

static int run_any_diff(const struct diff_options *options, struct error *error)
{
	const char *path = options->sides[0].path;

	if (contention_profile__is_one(path))
		return run_contention_diff(options, error);
	return census_diff__is_census(path) ? run_census_diff(options, error)
					    : run_diff(options, error);
}

int cmd_diff(int argc, char **argv)
{
	struct diff_options options = {0};
	struct error error = {0};
	int err;

	err = argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (err)
		error__set(&error, -err, "%s", strerror(err));
	else
		err = run_any_diff(&options, &error);
	free(options.sides[0].path);
	free(options.sides[1].path);
	return cmd__failed(&error, err) ? EXIT_COULD_NOT : EXIT_DONE;
}
