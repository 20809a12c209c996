/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace watch: finds what hangs anywhere on the machine soon after it has begun to. */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "attach/capabilities.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/units.h"
#include "base/vec.h"
#include "blocked/locks_look.h"
#include "blocked/watch_changed.h"
#include "blocked/watch_filter.h"
#include "blocked/watch_knots.h"
#include "blocked/watch_known.h"
#include "blocked/watcher.h"
#include "cmd/cmd.h"
#include "cmd/filter_options.h"
#include "cmd/watch_hook.h"
#include "report/human.h"
#include "report/locks_json.h"
#include "report/locks_text.h"

/* How often the counters are read: a tenth of the bound of 2 s within which a deadlock is found. */
#define POLL_MS 100
/* Passes over all threads are at least so far apart. */
#define PASS_INTERVAL_NS 1000000000ull
/* What no futex wait tells of (locks on files, pipes, threads that end, words that change) is
 * looked for so often; less often where that would take more than a hundredth of a CPU. */
#define SLOW_INTERVAL_NS 3000000000ull
#define SLOW_SHARE 100

enum { KEY_THRESHOLD = 0x100, KEY_JSON, KEY_HOOK, KEY_SYSLOG };

struct options {
	struct watch_filter filter;
	uint64_t threshold_ns;
	uint64_t duration_ns; /* 0: until a signal */
	bool json;
	bool use_syslog;
	const char *hook;
};

struct watch {
	struct options options;
	struct looker *looker;
	struct subjects *subjects;
	struct watcher *watcher;
	struct known_findings known;
	struct hook hook;
	struct changed changed;
	struct knots knots;
	int interrupted_fd;
	uint64_t slow_due_ns; /* when a pass is due that no futex wait asks for */
	uint64_t started_ns;
	uint64_t last_pass_ns;
	bool must_pass; /* a wait has grown old, or one of a known deadlock has ended */
	uint64_t passes;
};

static const struct argp_option argp_options[] = {
	{"threshold", KEY_THRESHOLD, "TIME", 0, "A wait is long after TIME; default 1s", 0},
	{"duration", 'd', "TIME", 0, "Stop after TIME", 0},
	{"json", KEY_JSON, 0, 0, "Write one JSON object per line", 0},
	{"on-deadlock", KEY_HOOK, "COMMAND", 0, "Run it (no shell) with the JSON on stdin", 0},
	{"syslog", KEY_SYSLOG, 0, 0, "Send a line to syslog for each finding", 0},
	{"verbose", 'v', 0, 0, "Print more on stderr", 0},
	{0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->filter;
		return 0;
	case KEY_THRESHOLD:
		if (units__parse_time(argument, &options->threshold_ns) || !options->threshold_ns)
			argp_error(state, "--threshold %s: not a time", argument);
		return 0;
	case 'd':
		if (units__parse_time(argument, &options->duration_ns) || !options->duration_ns)
			argp_error(state, "-d %s: not a time", argument);
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_HOOK:
		options->hook = argument;
		return 0;
	case KEY_SYSLOG:
		options->use_syslog = true;
		return 0;
	case 'v':
		log__set_verbose(true);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", argument);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&filter_options__argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.children = children,
	.doc = "Watches the waits of the whole machine and reports each deadlock, and each process "
	       "that hangs otherwise, when it forms, with stacks, and when it dissolves.\v"
	       "Ends on SIGINT, SIGTERM or after -d TIME. Exit status: 0 nothing found, 1 could "
	       "not watch, 2 usage error, 3 a deadlock was found, or threads that can never "
	       "continue.",
};

const struct argp *watch_argp(void)
{
	return &argp;
}

/* --- what is reported */

/* A line of a log begins with the time of day. */
static void print_time(void)
{
	time_t now = time(NULL);
	struct tm local;
	char text[40];

	strftime(text, sizeof(text), "%FT%T%z", localtime_r(&now, &local));
	printf("%s ", text);
}

static void begin_event(struct json_writer *json, FILE *file, const char *event)
{
	json__start(json, file, 0);
	json__begin_object(json);
	json__put_string(json, "event", event);
}

static void end_event(struct json_writer *json)
{
	json__end_object(json);
	json__finish(json);
}

static void write_finding_json(FILE *file, const struct known_finding *known,
	const struct lock_findings *findings, const struct finding *finding)
{
	struct json_writer json;

	begin_event(&json, file, finding->kind == FINDING_CYCLE ? "deadlock" : "hang");
	json__put_integer(&json, "number", known->number);
	json__put_string(&json, "verdict", verdict__name(known->verdict));
	json__put_integer(&json, "time_ns", known->found_ns);
	json__put_integer(&json, "time_unix_ns", clock__unix_ns());
	locks_json__put_finding(&json, findings, finding);
	end_event(&json);
	fflush(file);
}

static void run_hook(struct watch *watch, const struct known_finding *known,
	const struct lock_findings *findings, const struct finding *finding)
{
	int fd = memfd_create("deadlock", MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (!file) {
		log__warn("no memory for the input of %s", watch->options.hook);
		if (fd >= 0)
			close(fd);
		return;
	}
	write_finding_json(file, known, findings, finding);
	fclose(file);
	lseek(fd, 0, SEEK_SET);
	hook__run(&watch->hook, fd);
}

static void report_formed(struct watch *watch, const struct known_finding *known,
	const struct lock_findings *findings, const struct finding *finding)
{
	struct locks_text_options text = {.builds = true};

	if (watch->options.json) {
		write_finding_json(stdout, known, findings, finding);
	} else {
		print_time();
		locks_text__write_finding(stdout, findings, finding, &text);
	}
	fflush(stdout);
	if (watch->options.use_syslog)
		syslog(LOG_WARNING, "%s", known->headline);
	if (watch->options.hook)
		run_hook(watch, known, findings, finding);
}

static void report_dissolved(
	struct watch *watch, const struct known_finding *known, enum dissolution why)
{
	const char *reason = why == DISSOLVED_EXIT ? "killed or exited" : "woken";

	if (watch->options.json) {
		struct json_writer json;

		begin_event(&json, stdout, "dissolved");
		json__put_integer(&json, "number", known->number);
		json__put_string(&json, "verdict", verdict__name(known->verdict));
		json__put_integer(&json, "time_ns", clock__now_ns());
		json__put_integer(&json, "time_unix_ns", clock__unix_ns());
		json__put_string(&json, "reason", reason);
		end_event(&json);
	} else {
		print_time();
		printf("DISSOLVED after %s (%s): %s\n",
			human__duration(clock__now_ns() - known->found_ns).text, reason,
			known->headline);
	}
	fflush(stdout);
	if (watch->options.use_syslog)
		syslog(LOG_NOTICE, "dissolved (%s): %s", reason, known->headline);
}

/* --- passes */

/* The finding @identity in another look, or NULL. */
static const struct finding *find_again(
	const struct lock_findings *findings, const finding_list *list, uint64_t identity)
{
	vec_for_each (finding, list)
		if (finding__identity(findings, finding) == identity)
			return finding;
	return NULL;
}

/*
 * Looks once more at the processes of a new finding, now with source lines: reading them takes
 * longer than a pass over the machine may. Where that fails @findings serve.
 */
static void report_with_lines(struct watch *watch, struct subjects *subjects,
	const struct known_finding *known, const struct lock_findings *findings,
	const struct finding *finding)
{
	struct locks_look_options options = {.looker = watch->looker,
		.subjects = subjects,
		.lines = SUBJECT_LINES_OF_APPLICATION,
		.samples = true};
	const struct finding *again = NULL;
	finding_list list = {0};
	struct locks_look look;
	struct error error = {0};
	changed_pids pids = {0};
	bool looked;

	vec_for_each (wait, &known->waits)
		vec_push(&pids, wait->pid);
	options.pids = pids.data;
	options.pid_count = pids.size;
	looked = pids.size && !locks__look_at(&options, &look, &error);
	if (looked && !finding__list(&look.findings, &list))
		again = find_again(&look.findings, &list, known->identity);
	if (again)
		report_formed(watch, known, &look.findings, again);
	else
		report_formed(watch, known, findings, finding);
	if (looked)
		locks_look__free(&look);
	vec_free(&list);
	vec_free(&pids);
}

/* A service that waits for the signal that ends it looks as if it hung, and nobody has asked. */
static bool is_worth_a_report(const struct lock_findings *findings, const struct finding *finding)
{
	return finding->kind != FINDING_HUNG || !findings->hung.data[finding->index].awaits_signal;
}

static void report_new(struct watch *watch, const struct lock_findings *findings)
{
	struct subjects *with_lines = NULL; /* for all of this pass: files are read once */
	struct error error = {0};
	finding_list list;

	if (finding__list(findings, &list))
		return;
	vec_for_each (finding, &list) {
		const struct known_finding *added = NULL;

		if (is_worth_a_report(findings, finding) && !interrupt__came())
			added = known__add(&watch->known, findings, finding);
		if (added && !with_lines)
			with_lines = subjects__new(SUBJECT_LINES_OF_APPLICATION, &error);
		if (added)
			report_with_lines(watch, with_lines, added, findings, finding);
	}
	subjects__free(with_lines);
	vec_free(&list);
}

static void report_gone(struct watch *watch, const struct look *look)
{
	for (size_t i = watch->known.list.size; i-- > 0;) {
		enum dissolution why = known__check(&watch->known.list.data[i], look);

		if (why == DISSOLVED_NOT)
			continue;
		report_dissolved(watch, &watch->known.list.data[i], why);
		known__remove(&watch->known, i);
	}
}

/* The processes to judge now, with what only a slow pass looks for if one is due. @begin_ns: when
 * the pass began. */
static int list_pids(
	struct watch *watch, const struct look *look, uint64_t begin_ns, changed_pids *pids)
{
	int err = changed__list(&watch->changed, look, &watch->options.filter, pids);
	uint64_t now, cost;

	if (err || begin_ns < watch->slow_due_ns)
		return err;
	err = knots__list(&watch->knots, look, watch->subjects, &watch->options.filter,
		watch->options.threshold_ns, pids);
	now = clock__now_ns();
	cost = (now - begin_ns) * SLOW_SHARE;
	watch->slow_due_ns = now + (cost > SLOW_INTERVAL_NS ? cost : SLOW_INTERVAL_NS);
	return err;
}

/* Stacks and verdicts of the processes whose waits have changed. */
static int judge(
	struct watch *watch, const struct look *look, uint64_t begin_ns, struct error *error)
{
	changed_pids pids = {0};
	struct locks_look result;
	int err = list_pids(watch, look, begin_ns, &pids);

	if (err) {
		vec_free(&pids);
		return error__set(error, err, "out of memory");
	}
	if (pids.size) {
		struct locks_look_options options = {
			.pids = pids.data,
			.pid_count = pids.size,
			.looker = watch->looker,
			.subjects = watch->subjects,
			.first = look,
		};

		err = locks__look_at(&options, &result, error);
		log__debug("judged %zu processes", pids.size);
		if (!err) {
			report_new(watch, &result.findings);
			locks_look__free(&result);
		}
	}
	vec_free(&pids);
	/* All of them may have exited meanwhile, or be closed to us. */
	return err == -ESRCH || err == -EPERM ? 0 : err;
}

/* A watch may run for months while programs come and go: what is kept of files is dropped now and
 * then, before it runs out of fds. */
static int renew_subjects(struct watch *watch, struct error *error)
{
	if (watch->subjects && !subjects__are_many(watch->subjects))
		return 0;
	subjects__free(watch->subjects);
	watch->subjects = subjects__new(SUBJECT_LINES_NONE, error);
	return watch->subjects ? 0 : -ENOMEM;
}

static int make_pass(struct watch *watch, struct error *error)
{
	uint64_t begin_ns = clock__now_ns();
	struct look look;
	int err = renew_subjects(watch, error);

	if (err)
		return err;
	err = watch_filter__refresh(&watch->options.filter);

	if (err)
		return error__set(error, err, "cannot read the cgroup %s: %s",
			watch->options.filter.cgroup, strerror(-err));
	err = looker__look(watch->looker, NULL, 0, &look, error);
	if (err)
		return err;
	watch->last_pass_ns = clock__now_ns();
	watch->passes++;
	report_gone(watch, &look);
	err = judge(watch, &look, begin_ns, error);
	look__free(&look);
	return err;
}

/* --- the loop */

/* A long wait ended: if it is one of a known deadlock, say so soon. */
static void on_end(void *context, const struct event_wait *wait)
{
	struct watch *watch = context;

	vec_for_each (finding, &watch->known.list)
		vec_for_each (known, &finding->waits)
			if (known->tid == (pid_t)wait->header.tid && known->argument == wait->uaddr)
				watch->must_pass = true;
}

static int step(struct watch *watch, struct error *error)
{
	struct watcher_counts counts;
	bool grown;
	int err;

	watcher__read_ends(watch->watcher);
	err = watcher__count(watch->watcher, &counts, &grown);
	if (err)
		return error__set(error, err, "cannot read the counters: %s", strerror(-err));
	/* Threads of a deadlock that are killed may be too young in their wait for an end to be
	   sent: look while one is known. */
	watch->must_pass |=
		grown || watch->known.list.size || clock__now_ns() >= watch->slow_due_ns;
	if (watch->options.hook)
		hook__poll(&watch->hook);
	if (!watch->must_pass || clock__now_ns() - watch->last_pass_ns < PASS_INTERVAL_NS)
		return 0;
	watch->must_pass = false;
	return make_pass(watch, error);
}

static int run(struct watch *watch, struct error *error)
{
	struct pollfd fds[] = {
		{.fd = watch->interrupted_fd, .events = POLLIN},
		{.fd = watcher__fd(watch->watcher), .events = POLLIN},
	};
	int err = 0;

	while (!err && !(fds[0].revents & POLLIN)) {
		if (watch->options.duration_ns &&
			clock__now_ns() - watch->started_ns >= watch->options.duration_ns)
			return 0;
		if (poll(fds, 2, POLL_MS) < 0 && errno != EINTR)
			return error__set(error, -errno, "cannot wait: %s", strerror(errno));
		err = step(watch, error);
		if (!err && ferror(stdout))
			err = error__set(error, -EPIPE, "cannot write to standard output");
	}
	return err;
}

static int open_watch(struct watch *watch, struct error *error)
{
	int err = looker__new(false, &watch->looker, error);

	if (err)
		return err;
	/* The first pass may have much to report, and ends early when interrupted. */
	watch->interrupted_fd = interrupt__tell();
	if (watch->options.hook) {
		err = hook__init(&watch->hook, watch->options.hook, error);
		if (err)
			return err;
	}
	/* The first pass also finds what hangs already, and our own namespace's level. */
	watch->started_ns = clock__now_ns();
	err = make_pass(watch, error);
	if (err)
		return err;
	return watcher__new(watch->options.threshold_ns, looker__namespace_level(watch->looker),
		on_end, watch, &watch->watcher, error);
}

/* What was seen, so that silence can be told from blindness. */
static void report_end(struct watch *watch)
{
	struct watcher_counts counts;
	bool grown;

	if (watcher__count(watch->watcher, &counts, &grown))
		return;
	if (watch->options.json) {
		struct json_writer json;

		begin_event(&json, stdout, "end");
		json__put_integer(&json, "time_unix_ns", clock__unix_ns());
		json__put_integer(&json, "duration_ns", clock__now_ns() - watch->started_ns);
		json__put_integer(&json, "waits_seen", counts.seen);
		json__put_integer(&json, "long_waits_ended", counts.long_ended);
		json__put_integer(&json, "waits_lost", counts.lost);
		json__put_integer(&json, "passes", watch->passes);
		json__put_integer(&json, "deadlocks", watch->known.deadlocks);
		json__put_integer(&json, "hangs", watch->known.count - watch->known.deadlocks);
		end_event(&json);
	} else {
		print_time();
		printf("%s deadlock%s, %s other hang%s in %s; %s futex waits seen, %s lost, %s "
		       "looks\n",
			human__count(watch->known.deadlocks).text,
			watch->known.deadlocks == 1 ? "" : "s",
			human__count(watch->known.count - watch->known.deadlocks).text,
			watch->known.count - watch->known.deadlocks == 1 ? "" : "s",
			human__duration(clock__now_ns() - watch->started_ns).text,
			human__count(counts.seen).text, human__count(counts.lost).text,
			human__count(watch->passes).text);
	}
	fflush(stdout);
}

static void close_watch(struct watch *watch)
{
	watcher__free(watch->watcher);
	if (watch->options.hook)
		hook__free(&watch->hook);
	known__free(&watch->known);
	changed__free(&watch->changed);
	knots__free(&watch->knots);
	subjects__free(watch->subjects);
	looker__free(watch->looker);
	watch_filter__free(&watch->options.filter);
}

int cmd_watch(int argc, char **argv)
{
	struct watch watch = {.options = {.threshold_ns = 1000000000}};
	struct error error = {0};
	int err, status = EXIT_DONE;

	err = argp_parse(&argp, argc, argv, 0, NULL, &watch.options);
	if (err)
		return EXIT_COULD_NOT;
	if (watch.options.use_syslog)
		openlog("memtrace", LOG_PID, LOG_DAEMON);
	err = capabilities__check(&error);
	if (!err)
		err = open_watch(&watch, &error);
	if (!err) {
		fprintf(stderr, "watching for deadlocks\n");
		err = run(&watch, &error);
		report_end(&watch);
	}
	if (watch.known.count)
		status = EXIT_DEADLOCK;
	close_watch(&watch);
	return cmd__failed(&error, err) ? EXIT_COULD_NOT : status;
}
