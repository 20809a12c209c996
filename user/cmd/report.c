/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace report FILE: a recording, as the live run would have been reported.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cmd/cmd.h"
#include "cmd/contention_output.h"
#include "cmd/recorded_locks.h"
#include "cmd/replayed.h"
#include "cmd/report_output.h"
#include "report/contention_profile.h"
#include "report/events.h"

enum {
	OPT_FROM = 0x100,
	OPT_TO,
	OPT_HOLDERS,
};

struct show_options {
	struct view_options view;
	const char *path;
	uint64_t from_ns;
	uint64_t to_ns;
	bool holders;
};

static const struct argp_option option_table[] = {
	{"output", 'o', "FILE", 0, "Where -F FORMAT goes; without it: standard output", 1},
	{"from", OPT_FROM, "TIME", 0,
		"Begin at this time of the run (10, 1.5s, 5m), as if attached only then", 1},
	{"to", OPT_TO, "TIME", 0, "End at this time of the run", 1},
	{"holders", OPT_HOLDERS, 0, 0,
		"Of a profile of contention: -F writes the holders' stacks, not the waiters'", 1},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct show_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->view;
		return 0;
	case 'o':
		options->view.output = arg;
		return 0;
	case OPT_FROM:
		if (units__parse_time(arg, &options->from_ns))
			return options__bad_value(state, "--from TIME", arg);
		return 0;
	case OPT_TO:
		if (units__parse_time(arg, &options->to_ns) || !options->to_ns)
			return options__bad_value(state, "--to TIME", arg);
		return 0;
	case OPT_HOLDERS:
		options->holders = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			argp_error(state, "one recording at a time: unexpected argument '%s'", arg);
		options->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->path)
			argp_error(state, "no recording given: memtrace report FILE");
		if (options->to_ns && options->from_ns >= options->to_ns)
			argp_error(state, "--from must be before --to");
		view_options__check(state, &options->view);
		options->view.format_only = options->view.format;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp *report_argp(void)
{
	static struct argp_child children[2];
	static const struct argp argp = {
		.options = option_table,
		.parser = parse_option,
		.children = children,
		.args_doc = "FILE",
		.doc = "Replays a recording of memtrace record and reports it as the live run "
		       "would have been reported; also the waits that memtrace contention -o kept.",
	};

	children[0] = (struct argp_child){view_options__argp(VIEW_ALL), 0, "The report:", 2};
	return &argp;
}

/* Of waits for locks: what memtrace contention -o kept. */
static int run_contention(const struct show_options *options, struct error *error)
{
	const struct view_options *view = &options->view;
	struct contention_output output = {
		.json = view->json,
		.json_path = view->json_path,
		.path = view->output,
		.side = options->holders ? CONTENTION_HOLDER : CONTENTION_WAITER,
	};
	const struct output_format *format = view->format ? formats__get(view->format) : NULL;
	struct contention_profile *profile;
	struct contention_report *report;
	int err;

	if (format)
		output.format = contention_output__find_format(format->name);
	if (format && !output.format)
		return error__set(error, -ENOTSUP,
			"a profile of contention cannot be written as %s", format->name);
	if (options->from_ns || options->to_ns)
		return error__set(error, -ENOTSUP,
			"a profile of contention holds sums: it has no --from and no --to");
	err = contention_profile__load(options->path, &profile, error);
	if (err)
		return err;
	report = contention_profile__report(profile);
	report->top = view->top ? view->top : CONTENTION_TOP;
	report->full_stacks = view->full_stacks;
	err = contention_output__check(&output, error);
	if (!err)
		err = contention_output__write(&output, report, error);
	contention_profile__free(profile);
	return err;
}

/* *@deadlock: the recorded run found one. */
static int run_report(const struct show_options *options, bool *deadlock, struct error *error)
{
	struct report_extra extra;
	struct replayed replayed;
	int err = report_output__check(&options->view, error);

	if (err)
		return err;
	if (options->view.format == FORMAT_NDJSON)
		return events__write(options->path, options->view.output, options->from_ns,
			options->to_ns, error);
	err = replayed__load(
		&replayed, options->path, &options->view, options->from_ns, options->to_ns, error);
	extra = recorded_locks__extra(&replayed.replay);
	if (!err)
		*deadlock = replayed.replay.locks.text && *replayed.replay.locks.text;
	if (!err)
		err = report_output__write(&replayed.report, &extra, &options->view, error);
	replayed__free(&replayed);
	return err;
}

int cmd_report(int argc, char **argv)
{
	struct show_options options = {0};
	struct error error = {0};
	bool deadlock = false;
	int err;

	view_options__init(&options.view);
	err = argp_parse(report_argp(), argc, argv, 0, NULL, &options);
	if (err)
		error__set(&error, -err, "%s", strerror(err));
	else if (contention_profile__is_one(options.path))
		err = run_contention(&options, &error);
	else
		err = run_report(&options, &deadlock, &error);
	view_options__free(&options.view);
	if (cmd__failed(&error, err))
		return EXIT_COULD_NOT;
	return deadlock ? EXIT_DEADLOCK : EXIT_DONE;
}
