/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace locks: who waits for whom, now, in processes that may have hung long ago. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "base/vec.h"
#include "blocked/locks_look.h"
#include "cmd/cmd.h"
#include "process/process.h"
#include "report/human.h"
#include "report/locks_dot.h"
#include "report/locks_json.h"
#include "report/locks_text.h"
#include "report/output.h"

enum { KEY_ALL = 0x100, KEY_JSON, KEY_DOT, KEY_FULL, KEY_PROC };

struct locks_options {
	VEC(pid_t) pids;
	bool all;
	bool json;
	bool dot;
	const char *json_path; /* NULL: stdout */
	const char *dot_path;
	bool full_stacks;
	bool proc_only;
};

static const struct argp_option argp_options[] = {
	{"pid", 'p', "PID", 0, "Look at this process; may be given several times", 0},
	{"all", KEY_ALL, 0, 0, "Look at every process with a thread that waits for a lock", 0},
	{"json", KEY_JSON, "FILE", OPTION_ARG_OPTIONAL, "Write JSON to FILE (default stdout)", 0},
	{"dot", KEY_DOT, "FILE", OPTION_ARG_OPTIONAL, "Write Graphviz to FILE (default stdout)", 0},
	{"full-stacks", KEY_FULL, 0, 0, "Show every frame of every stack", 0},
	{"proc", KEY_PROC, 0, 0, "Use /proc only, without BPF", 0},
	{"verbose", 'v', 0, 0, "Print more on stderr", 0},
	{0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct locks_options *options = state->input;
	pid_t pid;

	switch (key) {
	case 'p':
		if (units__parse_pid(argument, &pid))
			argp_error(state, "-p %s: not a valid PID", argument);
		return vec_push(&options->pids, pid) ? ENOMEM : 0;
	case KEY_ALL:
		options->all = true;
		return 0;
	case KEY_JSON:
		options->json = true;
		options->json_path = argument;
		return 0;
	case KEY_DOT:
		options->dot = true;
		options->dot_path = argument;
		return 0;
	case KEY_FULL:
		options->full_stacks = true;
		return 0;
	case KEY_PROC:
		options->proc_only = true;
		return 0;
	case 'v':
		log__set_verbose(true);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state,
			"unexpected argument '%s': locks looks at what runs already; start the "
			"command, then use -p PID or --all",
			argument);
		return 0;
	case ARGP_KEY_END:
		if (!options->pids.size == !options->all)
			argp_error(state, "give -p PID (or several), or --all");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.args_doc = "-p PID...\n--all",
	.doc = "Shows which thread waits for which, for what lock and from which call stack, in "
	       "processes that may already hang. They are neither stopped nor changed.\v"
	       "Exit status: 0 nothing found, 1 could not look, 2 usage error, 3 a deadlock was "
	       "found, or threads that can never continue.",
};

const struct argp *locks_argp(void)
{
	return &argp;
}

/* Says what is wrong with a PID better than "no such process" can. Of several, those that are gone
 * are left out: whoever lists a program's processes is always a little late. */
static int check_pids(struct locks_options *options, struct error *error)
{
	size_t kept = 0;

	for (size_t i = 0; i < options->pids.size; i++) {
		struct process_info process;
		int err = process__open(options->pids.data[i], &process, error);

		if (err && (err != -ESRCH || (!kept && i + 1 == options->pids.size)))
			return err;
		if (err) {
			log__warn("%s: left out", error->message);
			continue;
		}
		process__close(&process);
		options->pids.data[kept++] = options->pids.data[i];
	}
	options->pids.size = kept;
	return 0;
}

/* Before the look, which may take long. */
static int check_outputs(const struct locks_options *options, struct error *error)
{
	int err = options->json ? output__check(options->json_path, error) : 0;

	return !err && options->dot ? output__check(options->dot_path, error) : err;
}

static int write_json(
	const struct locks_options *options, const struct locks_look *look, struct error *error)
{
	struct locks_json_head head = {look->looks, look->took_ns, look->used_proc, 0, NULL};
	struct output output;
	int err = output__open(&output, options->json_path, error);

	if (err)
		return err;
	locks_json__write(output.file, &look->findings, &head, false);
	err = output__commit(&output, error);
	output__abort(&output);
	return err;
}

static int write_dot(
	const struct locks_options *options, const struct locks_look *look, struct error *error)
{
	struct output output;
	int err = output__open(&output, options->dot_path, error);

	if (err)
		return err;
	locks_dot__write(output.file, &look->findings);
	err = output__commit(&output, error);
	output__abort(&output);
	return err;
}

static void write_text(const struct locks_options *options, const struct locks_look *look)
{
	struct locks_text_options text = {.full_stacks = options->full_stacks, .advises = true};

	printf("memtrace locks: %zu process%s, %zu thread%s blocked; %zu look%s in %s%s\n\n",
		look->blocked.snapshot.process_count,
		look->blocked.snapshot.process_count == 1 ? "" : "es", look->findings.waits.size,
		look->findings.waits.size == 1 ? "" : "s", look->looks, look->looks == 1 ? "" : "s",
		human__duration(look->took_ns).text, look->used_proc ? ", through /proc" : "");
	locks_text__write(stdout, &look->findings, &text);
	if (look->blocked.unreadable)
		printf("%zu process%s could not be looked at (gone, or no permission).\n",
			look->blocked.unreadable, look->blocked.unreadable == 1 ? "" : "es");
}

/* Text goes to stdout unless something else does. */
static int write_reports(
	const struct locks_options *options, const struct locks_look *look, struct error *error)
{
	bool stdout_taken =
		(options->json && !options->json_path) || (options->dot && !options->dot_path);
	int err = 0;

	if (options->json)
		err = write_json(options, look, error);
	if (options->dot && !err)
		err = write_dot(options, look, error);
	if (!stdout_taken && !err)
		write_text(options, look);
	return err;
}

/* The page does not show the C library's own lines. */
static enum subject_lines lines_of(const struct locks_options *options)
{
	if (options->all)
		return SUBJECT_LINES_NONE;
	return options->full_stacks || options->json ? SUBJECT_LINES_ALL
						     : SUBJECT_LINES_OF_APPLICATION;
}

int cmd_locks(int argc, char **argv)
{
	struct locks_options options = {0};
	struct locks_look look;
	struct error error = {0};
	int err, status = EXIT_COULD_NOT;

	err = argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!err)
		err = check_outputs(&options, &error);
	if (!err)
		err = check_pids(&options, &error);
	if (!err) {
		struct locks_look_options what = {
			.pids = options.pids.data,
			.pid_count = options.pids.size,
			.all = options.all,
			.proc_only = options.proc_only,
			.lines = lines_of(&options),
			.samples = true,
		};

		file__allow_many(); /* every file that is mapped somewhere is held open */
		err = locks__look_at(&what, &look, &error);
	}
	if (!err) {
		status = look.findings.deadlocks || look.findings.hangs ? EXIT_DEADLOCK : EXIT_DONE;
		err = write_reports(&options, &look, &error);
		locks_look__free(&look);
	}
	vec_free(&options.pids);
	return cmd__failed(&error, err) ? EXIT_COULD_NOT : status;
}
