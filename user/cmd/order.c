/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace order: in which order locks are taken, and which deadlocks that makes possible. */
#include "report/order.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "attach/capabilities.h"
#include "attach/lock_order.h"
#include "base/log.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "cmd/order_run.h"
#include "report/output.h"
#include "version.h"

#define DEFAULT_TOP 10
#define DEFAULT_RING_SIZE (16ull << 20)
#define MIN_RING_SIZE 4096
#define MAX_RING_SIZE (1ull << 31)
/* As memtrace trace has it. */
#define DEFAULT_HOLD_NS 300000000ull

enum {
	KEY_JSON = 0x100,
	KEY_SUPPRESS,
	KEY_TOP,
	KEY_FULL,
	KEY_EXIT_STATUS,
	KEY_KILL,
	KEY_RING,
	KEY_HOLD,
};

static const struct argp_option argp_options[] = {
	{"pid", 'p', "PID", 0, "Trace this process; may be given several times", 0},
	{"follow", 'f', 0, 0, "Follow forks: children are traced too", 0},
	{"duration", 'd', "TIME", 0, "Stop after TIME", 0},
	{"json", KEY_JSON, "FILE", OPTION_ARG_OPTIONAL, "Write JSON to FILE (default stdout)", 0},
	{"suppress", KEY_SUPPRESS, "FUNCTION", 0,
		"Leave out cycles with this function on a stack; * and ? stand for others; may be "
		"given several times",
		0},
	{"top", KEY_TOP, "N", 0, "Show N locks by how long they were held (default 10)", 0},
	{"full-stacks", KEY_FULL, 0, 0, "Show every frame of every stack", 0},
	{"exit-status", KEY_EXIT_STATUS, 0, 0,
		"Exit with the launched command's status, if nothing was found", 0},
	{"kill-on-exit", KEY_KILL, 0, 0,
		"End the launched command if it is still running when memtrace ends", 0},
	{"ring-size", KEY_RING, "BYTES", 0,
		"Ring buffer, rounded up to a power of two (default 16M)", 0},
	{"hold", KEY_HOLD, "TIME", 0,
		"Longest that a new library, child or program waits for its probes (default 300ms; "
		"0: never)",
		0},
	{"verbose", 'v', 0, 0, "Print what is probed, where, and why", 0},
	{0},
};

static error_t add_pid(
	struct order_options *options, const char *argument, struct argp_state *state)
{
	char *end;
	long pid = strtol(argument, &end, 10);

	if (*end || end == argument || pid <= 0 || pid > INT32_MAX)
		argp_error(state, "-p %s: not a PID", argument);
	vec_for_each (known, &options->pids)
		if (*known == pid)
			return 0;
	return vec_push(&options->pids, pid) ? ENOMEM : 0;
}

static error_t parse_ring_size(
	struct order_options *options, const char *argument, struct argp_state *state)
{
	uint64_t bytes;

	if (units__parse_bytes(argument, &bytes) || bytes > MAX_RING_SIZE)
		argp_error(state, "--ring-size %s: not a number of bytes up to 2G", argument);
	options->ring_size = MIN_RING_SIZE;
	while (options->ring_size < bytes)
		options->ring_size *= 2;
	return 0;
}

/* The first argument that is not an option: with "--" before it, it begins the command. */
static error_t take_command(struct order_options *options, struct argp_state *state)
{
	if (!state->quoted)
		argp_error(state, "unexpected argument '%s' (a program to launch goes after --)",
			state->argv[state->next - 1]);
	options->command = &state->argv[state->next - 1];
	state->next = state->argc;
	return 0;
}

static void check_options(const struct order_options *options, struct argp_state *state)
{
	if (options->command && options->pids.size)
		argp_error(state, "-p PID and a command to launch cannot be combined");
	if (!options->command && !options->pids.size)
		argp_error(state, "nothing to trace: give -p PID, or -- COMMAND [ARG]...");
	if (options->exit_status && !options->command)
		argp_error(state, "--exit-status needs a command to launch");
	if (options->kill_on_exit && !options->command)
		argp_error(state, "--kill-on-exit needs a command to launch");
}

static error_t parse_number(
	struct order_options *options, int key, const char *argument, struct argp_state *state)
{
	char *end;

	switch (key) {
	case 'd':
		if (units__parse_time(argument, &options->duration_ns) || !options->duration_ns)
			argp_error(state, "-d %s: not a time", argument);
		return 0;
	case KEY_HOLD:
		if (units__parse_time(argument, &options->hold_limit_ns))
			argp_error(state, "--hold %s: not a time", argument);
		return 0;
	case KEY_RING:
		return parse_ring_size(options, argument, state);
	case KEY_TOP:
		options->top = strtoul(argument, &end, 10);
		if (*end || end == argument || *argument == '-')
			argp_error(state, "--top %s: not a number of locks", argument);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct order_options *options = state->input;

	switch (key) {
	case 'p':
		return add_pid(options, argument, state);
	case 'f':
		options->follow = true;
		return 0;
	case KEY_JSON:
		options->json = true;
		options->json_path = argument && strcmp(argument, "-") ? argument : NULL;
		return 0;
	case KEY_SUPPRESS:
		return vec_push(&options->suppressed, argument) ? ENOMEM : 0;
	case KEY_FULL:
		options->full_stacks = true;
		return 0;
	case KEY_EXIT_STATUS:
		options->exit_status = true;
		return 0;
	case KEY_KILL:
		options->kill_on_exit = true;
		return 0;
	case 'v':
		log__set_verbose(true);
		return 0;
	case ARGP_KEY_ARG:
		return take_command(options, state);
	case ARGP_KEY_END:
		check_options(options, state);
		return 0;
	}
	return parse_number(options, key, argument, state);
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.args_doc = "-p PID\n-- COMMAND [ARG]...",
	.doc = "Watches in which order the threads of a process take locks, and reports each "
	       "cycle: "
	       "a deadlock that is possible, whether it has happened or not. Both stacks of each "
	       "lock of the cycle are shown, and how long locks are held.\v"
	       "Sees pthread's mutexes, locks for reading and writing, and spin locks, and what is "
	       "made of them (std::mutex, C11's mtx_t). Exit status: 0 nothing was found, 1 "
	       "failure, 2 usage error, 3 a cycle was found.",
};

const struct argp *order_argp(void)
{
	return &argp;
}

/* --- the report */

struct order_session {
	struct order_run run;
	order_findings findings;
	uint64_t suppressed;
	VEC(struct order_target) targets;
};

static bool is_suppressed(const struct order_session *session, const struct order_finding *finding)
{
	vec_for_each (pattern, &session->run.options.suppressed)
		if (order_feed__matches(session->run.feed, finding, *pattern))
			return true;
	return false;
}

static int find_cycles(struct order_session *session, struct error *error)
{
	size_t kept = 0;

	if (order__find(order_feed__model(session->run.feed), &session->findings))
		return error__set(error, -ENOMEM, "out of memory for the cycles");
	for (size_t i = 0; i < session->findings.size; i++) {
		struct order_finding *finding = &session->findings.data[i];

		if (is_suppressed(session, finding)) {
			session->suppressed++;
			vec_free(&finding->uses);
			continue;
		}
		session->findings.data[kept++] = *finding;
	}
	session->findings.size = kept;
	return 0;
}

static int describe_targets(struct order_session *session, struct error *error)
{
	int err = 0;

	if (session->run.launched)
		err = vec_push(&session->targets,
			(struct order_target){session->run.launch.pid, session->run.launch.path});
	vec_for_each (process, &session->run.processes)
		if (!err)
			err = vec_push(&session->targets,
				(struct order_target){process->pid, process->command_line});
	return err ? error__set(error, err, "out of memory") : 0;
}

static struct order_losses count_losses(const struct order_session *session)
{
	const struct order_shared *shared = lock_order__shared(session->run.tracer);
	uint64_t losses[LOSS_COUNT];

	tracer__losses(session->run.tracer, losses);
	return (struct order_losses){
		.ring_full = shared->ring_full,
		.held_full = shared->held_full,
		.holds_full = shared->holds_full,
		.stacks_lost = losses[LOSS_STACK_RING_FULL],
		.threads_lost = losses[LOSS_THREAD_STATE],
		.late = losses[LOSS_LATE_ATTACH] + losses[LOSS_UNHELD] + losses[LOSS_HOLD_ENDED],
	};
}

static struct order_report describe_run(const struct order_session *session)
{
	const struct order_run *run = &session->run;
	struct order_report report = {
		.model = order_feed__model(run->feed),
		.findings = &session->findings,
		.suppressed = session->suppressed,
		.losses = count_losses(session),
		.targets = session->targets.data,
		.target_count = session->targets.size,
		.start_unix_ns = run->start_unix_ns,
		.duration_ns = run->duration_ns,
		.top = run->options.top,
		.full_stacks = run->options.full_stacks,
		.stack = order_feed__stack,
		.pid = order_feed__pid,
		.context = run->feed,
	};

	order__count(report.model, &report.totals);
	return report;
}

static int write_one(
	const struct order_report *report, bool json, const char *path, struct error *error)
{
	struct output output;
	int err = output__open(&output, path, error);

	if (err)
		return err;
	err = json ? order_json__write(report, MEMTRACE_VERSION, output.file)
		   : order_text__write(report, output.file);
	err = err ? error__set(error, err, "out of memory for the report")
		  : output__commit(&output, error);
	output__abort(&output);
	return err;
}

/* Text goes to stdout unless JSON does. */
static int write_reports(struct order_session *session, struct error *error)
{
	const struct order_options *options = &session->run.options;
	int err = describe_targets(session, error);
	struct order_report report;

	if (err)
		return err;
	report = describe_run(session);
	if (options->json)
		err = write_one(&report, true, options->json_path, error);
	if (!err && (!options->json || options->json_path))
		err = write_one(&report, false, NULL, error);
	return err;
}

static int exit_code_of(const struct order_session *session)
{
	int status = session->run.command_status;

	if (session->findings.size)
		return EXIT_DEADLOCK;
	if (!session->run.options.exit_status || !session->run.command_ended)
		return EXIT_DONE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int cmd_order(int argc, char **argv)
{
	struct order_session session = {.run = {.children = -1,
						.loop.epoll = -1,
						.options = {.top = DEFAULT_TOP,
							.ring_size = DEFAULT_RING_SIZE,
							.hold_limit_ns = DEFAULT_HOLD_NS}}};
	struct error error = {0};
	int err = argp_parse(&argp, argc, argv, 0, NULL, &session.run.options);

	if (err)
		return EXIT_COULD_NOT;
	err = capabilities__check(&error);
	if (!err && session.run.options.json)
		err = output__check(session.run.options.json_path, &error);
	if (!err)
		err = order_run__trace(&session.run, &error);
	if (!err)
		err = find_cycles(&session, &error);
	if (!err)
		err = write_reports(&session, &error);
	order_run__leave_command(&session.run);
	err = cmd__failed(&error, err) ? EXIT_COULD_NOT : exit_code_of(&session);
	order__free_findings(&session.findings);
	vec_free(&session.targets);
	order_run__free(&session.run);
	return err;
}
