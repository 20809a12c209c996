/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace contention: which locks are waited for, from where, and who holds them meanwhile. */
#include "report/contention.h"

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach/capabilities.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/units.h"
#include "blocked/locks_look.h"
#include "cmd/cmd.h"
#include "cmd/contention_feed.h"
#include "cmd/contention_output.h"
#include "cmd/filter_options.h"
#include "process/children.h"
#include "process/process.h"
#include "report/formats.h"
#include "version.h"

/* How often what was sent is read: a ring full of waits in that time would be 300,000 a second. */
#define READ_MS 50

enum {
	KEY_ALL = 0x100,
	KEY_JSON,
	KEY_TOP,
	KEY_KIND,
	KEY_ALL_KINDS,
	KEY_FULL,
	KEY_HOLDERS,
};

struct contention_options {
	struct watch_filter filter;
	bool all;
	uint64_t duration_ns; /* 0: until a signal, or the end of the processes */
	struct contention_output output;
	size_t top;
	struct contention_filter kinds;
	bool full_stacks;
};

struct contention_run {
	struct contention_options options;
	struct looker *looker;
	struct contention_feed *feed;
	VEC(struct process_info) processes;
	VEC(struct contention_process) described;
	uint64_t started_ns;
	uint64_t start_unix_ns;
	uint64_t duration_ns;
};

static const struct argp_option argp_options[] = {
	{"all", KEY_ALL, 0, 0, "Trace every process on the machine", 0},
	{"duration", 'd', "TIME", 0, "Stop after TIME", 0},
	{"json", KEY_JSON, "FILE", OPTION_ARG_OPTIONAL, "Write JSON to FILE (default stdout)", 0},
	{"format", 'F', "FORMAT", 0,
		"folded, pprof, speedscope, dot or html, to stdout or to the file of -o", 0},
	{"output", 'o', "FILE", 0,
		"Where -F writes; without -F, keep the waits in FILE for report and diff", 0},
	{"holders", KEY_HOLDERS, 0, 0, "-F writes the holders' stacks, not the waiters'", 0},
	{"top", KEY_TOP, "N", 0, "Show N locks and functions (default 10; JSON has all)", 0},
	{"kind", KEY_KIND, "KIND", 0, "Only waits of this kind: mutex, condition, loader...", 0},
	{"all-kinds", KEY_ALL_KINDS, 0, 0, "Also rank waits for work, such as conditions and joins",
		0},
	{"full-stacks", KEY_FULL, 0, 0, "Show every frame of every stack", 0},
	{"verbose", 'v', 0, 0, "Print more on stderr", 0},
	{0},
};

static error_t parse_top(
	struct contention_options *options, const char *argument, struct argp_state *state)
{
	char *end;

	options->top = strtoul(argument, &end, 10);
	if (*end || end == argument || *argument == '-' || !options->top)
		argp_error(state, "--top %s: not a number of locks", argument);
	return 0;
}

static error_t parse_format(
	struct contention_options *options, const char *argument, struct argp_state *state)
{
	char names[FORMAT_NAMES_SIZE];

	options->output.format = contention_output__find_format(argument);
	if (options->output.format)
		return 0;
	contention__list_formats(", ", " or ", names);
	argp_error(state, "-F %s: not a format (%s)", argument, names);
	return 0;
}

/* The loader's locks are mutexes, but a kind of their own here. */
static error_t parse_kind(
	struct contention_options *options, const char *argument, struct argp_state *state)
{
	bool known = !strcmp(argument, "loader");

	for (int kind = 0; kind < WAIT_KIND_COUNT; kind++)
		known |= !strcmp(argument, wait_kind__name(kind));
	if (!known)
		argp_error(state, "--kind %s: not a kind of wait (mutex, rwlock-read, loader...)",
			argument);
	options->kinds.kind = argument;
	return 0;
}

static error_t check_scope(const struct contention_options *options, struct argp_state *state)
{
	bool filtered = options->filter.comms.size || options->filter.cgroup ||
			options->filter.excluded.size || options->all;

	if (options->filter.pids.size && filtered)
		argp_error(
			state, "-p cannot be combined with --all, --comm, --cgroup or --exclude");
	if (!options->filter.pids.size && !filtered)
		argp_error(
			state, "give -p PID (or several), --comm NAME, --cgroup FOLDER or --all");
	return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct contention_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->filter;
		return 0;
	case KEY_ALL:
		options->all = true;
		return 0;
	case 'd':
		if (units__parse_time(argument, &options->duration_ns) || !options->duration_ns)
			argp_error(state, "-d %s: not a time", argument);
		return 0;
	case KEY_JSON:
		options->output.json = true;
		options->output.json_path = argument && strcmp(argument, "-") ? argument : NULL;
		return 0;
	case 'F':
		return parse_format(options, argument, state);
	case 'o':
		options->output.path = strcmp(argument, "-") ? argument : NULL;
		return 0;
	case KEY_HOLDERS:
		options->output.side = CONTENTION_HOLDER;
		return 0;
	case KEY_TOP:
		return parse_top(options, argument, state);
	case KEY_KIND:
		return parse_kind(options, argument, state);
	case KEY_ALL_KINDS:
		options->kinds.all = true;
		return 0;
	case KEY_FULL:
		options->full_stacks = true;
		return 0;
	case 'v':
		log__set_verbose(true);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s': use -p PID, --comm, --cgroup or --all",
			argument);
		return 0;
	case ARGP_KEY_END:
		return check_scope(options, state);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&filter_options__argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.children = children,
	.args_doc = "-p PID...\n--comm NAME\n--cgroup FOLDER\n--all",
	.doc = "Shows which locks threads wait for, how often and how long, and the call stacks "
	       "that wait for them and hold them. Nothing is probed in the processes: an "
	       "uncontended lock costs nothing.\v"
	       "Ends on SIGINT, SIGTERM, after -d TIME, or with the last of the processes.",
};

const struct argp *contention_argp(void)
{
	return &argp;
}

/* --- a run */

static bool traces_all(const struct contention_run *session)
{
	return !session->options.filter.pids.size;
}

/* Says what is wrong with a PID better than "no such process" can. */
static int open_processes(struct contention_run *session, struct error *error)
{
	vec_for_each (pid, &session->options.filter.pids) {
		struct contention_process described = {.pid = *pid};
		struct process_info process;
		int err = process__open(*pid, &process, error);

		if (err)
			return err;
		if (vec_push(&session->processes, process)) {
			process__close(&process);
			return error__set(error, -ENOMEM, "out of memory");
		}
		described.command = process.command_line;
		if (vec_push(&session->described, described))
			return error__set(error, -ENOMEM, "out of memory");
	}
	return 0;
}

static int find_namespace_level(
	struct contention_run *session, unsigned int *level, struct error *error)
{
	struct look look;
	int err = looker__new(false, &session->looker, error);

	if (!err)
		err = looker__look(session->looker, NULL, 0, &look, error);
	if (err)
		return err;
	look__free(&look);
	*level = looker__namespace_level(session->looker);
	return 0;
}

static int open_session(struct contention_run *session, struct error *error)
{
	struct contention_feed_options options = {
		.lines = !traces_all(session),
		.all = traces_all(session),
		.filter = &session->options.filter,
	};
	int err = open_processes(session, error);

	if (!err)
		err = find_namespace_level(session, &options.namespace_level, error);
	if (!err && session->options.filter.cgroup) {
		err = watch_filter__refresh(&session->options.filter);
		if (err)
			error__set(error, err, "cannot read the cgroup %s: %s",
				session->options.filter.cgroup, strerror(-err));
	}
	if (!err)
		err = contention_feed__new(&options, &session->feed, error);
	vec_for_each (pid, &session->options.filter.pids)
		if (!err)
			err = contention_feed__add(session->feed, *pid, error);
	return err;
}

static int note_open(struct contention_run *session, const struct locks_look *look)
{
	uint64_t before_ns = look->findings.snapshot->taken_ns - session->started_ns;

	vec_for_each (wait, &look->findings.waits)
		/* What began since is traced. */
		if (wait->thread->asleep_ns >= before_ns &&
			contention_feed__add_open(session->feed, wait))
			return -ENOMEM;
	return 0;
}

/* The processes that are wanted and have a thread that waits, of all that @look has. */
static int list_wanted(
	const struct contention_run *session, const struct look *look, pid_list *pids)
{
	const struct look_thread *leader = NULL;

	for (size_t i = 0; i < look->count; i++) {
		const struct look_thread *thread = &look->threads[i];
		pid_t pid = thread->pid;

		if (!leader || leader->pid != thread->pid)
			leader = thread;
		if ((pids->size && pids->data[pids->size - 1] == pid) || !blocked__waits(thread) ||
			!watch_filter__wants(&session->options.filter, leader))
			continue;
		if (vec_push(pids, pid))
			return -ENOMEM;
	}
	return 0;
}

static int look_at(
	struct contention_run *session, const pid_t *pids, size_t count, struct error *error)
{
	struct locks_look_options options = {
		.pids = pids, .pid_count = count, .once = true, .looker = session->looker};
	struct locks_look look;
	int err = count ? locks__look_at(&options, &look, error) : -ESRCH;

	/* The processes may have ended meanwhile. */
	if (err)
		return err == -ESRCH || err == -EPERM ? 0 : err;
	if (note_open(session, &look))
		err = error__set(error, -ENOMEM, "out of memory");
	locks_look__free(&look);
	return err;
}

/*
 * Waits that had begun before: a look finds them, as no switch of their threads will tell. Only the
 * processes that are wanted are looked at: reading the tables of all others of a machine may take a
 * minute.
 */
static int look_for_open(struct contention_run *session, struct error *error)
{
	pid_list wanted = {0};
	struct look look;
	int err;

	if (!traces_all(session))
		return look_at(session, session->options.filter.pids.data,
			session->options.filter.pids.size, error);
	err = looker__look(session->looker, NULL, 0, &look, error);
	if (err)
		return err;
	err = list_wanted(session, &look, &wanted);
	look__free(&look);
	if (err)
		err = error__set(error, err, "out of memory");
	else
		err = look_at(session, wanted.data, wanted.size, error);
	vec_free(&wanted);
	return err;
}

static bool is_over(const struct contention_run *session)
{
	const struct contention_options *options = &session->options;

	if (options->duration_ns && clock__now_ns() - session->started_ns >= options->duration_ns)
		return true;
	vec_for_each (process, &session->processes)
		if (process__is_alive(process))
			return false;
	return session->processes.size;
}

static int read_interval(const struct contention_run *session)
{
	uint64_t end_ns = session->started_ns + session->options.duration_ns, now = clock__now_ns();

	if (!session->options.duration_ns || end_ns > now + READ_MS * 1000000ull)
		return READ_MS;
	return end_ns > now ? (end_ns - now) / 1000000 + 1 : 0;
}

static int run(struct contention_run *session, struct error *error)
{
	struct pollfd fds[] = {
		{.fd = interrupt__tell(), .events = POLLIN},
		{.fd = contention_feed__fd(session->feed), .events = POLLIN},
	};
	int err = contention_feed__start(session->feed, error);

	session->started_ns = clock__now_ns();
	session->start_unix_ns = clock__unix_ns();
	if (!err)
		err = look_for_open(session, error);
	if (!err)
		fprintf(stderr, "tracing waits for locks\n");
	while (!err && !is_over(session) && !(fds[0].revents & POLLIN)) {
		if (poll(fds, 2, read_interval(session)) < 0 && errno != EINTR)
			return error__set(error, -errno, "cannot wait: %s", strerror(errno));
		contention_feed__read(session->feed);
	}
	session->duration_ns = clock__now_ns() - session->started_ns;
	contention_feed__stop(session->feed);
	return err;
}

/* --- the report */

static int write_reports(const struct contention_run *session, struct error *error)
{
	const struct contention_options *options = &session->options;
	struct contention_report report = {
		.model = contention_feed__model(session->feed),
		.processes = session->described.data,
		.process_count = session->described.size,
		.scope = options->filter.cgroup	      ? options->filter.cgroup
			 : options->filter.comms.size ? options->filter.comms.data[0]
						      : "the whole machine",
		.version = MEMTRACE_VERSION,
		.start_unix_ns = session->start_unix_ns,
		.duration_ns = session->duration_ns,
		.filter = options->kinds,
		.top = options->top,
		.full_stacks = options->full_stacks,
	};

	contention_feed__losses(session->feed, &report.losses);
	return contention_output__write(&options->output, &report, error);
}

static void close_session(struct contention_run *session)
{
	contention_feed__free(session->feed);
	looker__free(session->looker);
	vec_for_each (process, &session->processes)
		process__close(process);
	vec_free(&session->processes);
	vec_free(&session->described);
	watch_filter__free(&session->options.filter);
}

int cmd_contention(int argc, char **argv)
{
	struct contention_run session = {.options.top = CONTENTION_TOP};
	struct error error = {0};
	int err;

	err = argp_parse(&argp, argc, argv, 0, NULL, &session.options);
	if (err)
		return EXIT_COULD_NOT;
	file__allow_many(); /* every file that is mapped somewhere is held open */
	err = capabilities__check(&error);
	if (!err)
		err = contention_output__check(&session.options.output, &error);
	if (!err)
		err = open_session(&session, &error);
	if (!err)
		err = run(&session, &error);
	if (!err)
		err = write_reports(&session, &error);
	close_session(&session);
	return cmd__failed(&error, err) ? EXIT_COULD_NOT : EXIT_DONE;
}
