/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace -p PID, memtrace -- COMMAND: attaches, follows until the end, reports.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/capabilities.h"
#include "attach/confined.h"
#include "attach/named_allocators.h"
#include "attach/tracer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/live_events.h"
#include "cmd/top.h"
#include "cmd/trace_locks.h"
#include "cmd/trace_options.h"
#include "cmd/trace_reconcile.h"
#include "cmd/trace_report.h"
#include "cmd/trace_targets.h"
#include "process/launch.h"
#include "process/process.h"
#include "process/translated.h"
#include "stream/feed.h"
#include "stream/stream.h"

/* The live line is redrawn this often; the issue of a slow terminal is the terminal's. */
#define LIVE_LINE_INTERVAL_NS 250000000ull

/* A kill loses no more than this of a recording. */
#define RECORDING_INTERVAL_NS 1000000000ull

/* A launched process that ended is known by waitid a moment before its exit record is read. */
#define EXIT_RECORD_WAIT_MS 200

/* Processes that are looked at for deadlocks; a tree that is larger is looked at in part. */
#define MAX_LOOKED_AT 4096

/* Of the thread that attaches to new libraries while their loaders wait. */
#define CONTROL_NICE (-15)

struct trace {
	struct trace_options options;
	struct live_events events;
	VEC(struct process_info) processes;
	struct launch launch;
	bool launched;
	bool command_ended;
	int command_status;

	struct modules *modules;
	struct spaces *spaces;
	struct tracer *tracer;
	struct feed feed;
	struct stream *stream;
	struct trace_report *report;
	struct trace_reconcile reconcile;
	struct trace_locks *locks; /* NULL: not possible here */
	struct top *top;	   /* NULL: not `memtrace top` */

	int epoll;
	int children;  /* signals of them */
	int interrupt; /* the first Ctrl-C or its kind */
	int live_timer;
	int interval_timer;
	int recording_timer;
	int end_timer;
	int locks_timer;
	int top_timer;
	bool done;
	uint64_t start_ns;
};

/* --- setting up */

static void on_exited(void *context, pid_t pid, uint32_t status, size_t left)
{
	struct trace *trace = context;

	if (trace->report)
		trace_report__unwatch(trace->report, pid);
	/* An unknown status will be told by waitid. */
	if (trace->launched && pid == trace->launch.pid && status != TRACER_STATUS_UNKNOWN) {
		trace->command_ended = true;
		trace->command_status = status;
	}
	if (left == 0)
		trace->done = true;
}

static void on_started(void *context, pid_t pid)
{
	struct trace *trace = context;

	if (trace->report)
		trace_report__watch(trace->report, pid);
}

static int check_allocators(const struct trace *trace, struct error *err)
{
	vec_for_each (spec, &trace->options.allocators) {
		int code = named_allocators__check(*spec, err);

		if (code)
			return code;
	}
	return 0;
}

/* What keeps memtrace from putting probes into a process. */
static int check_process(pid_t pid, struct error *err)
{
	const char *translator = translated__by(pid);

	if (translator)
		return error__set(err, -EOPNOTSUPP,
			"process %d is run by %s, which would take memtrace's probes for the "
			"program's own breakpoints: its heap cannot be seen from outside",
			pid, translator);
	return confined__check(pid, err);
}

static int open_processes(struct trace *trace, struct error *err)
{
	vec_for_each (pid, &trace->options.pids) {
		struct process_info info;
		int code;

		if (*pid == getpid())
			return error__set(err, -EINVAL, "%d is memtrace itself", *pid);
		code = process__open(*pid, &info, err);
		if (code)
			return code;
		code = check_process(*pid, err);
		if (code) {
			process__close(&info);
			return code;
		}
		if (vec_push(&trace->processes, info)) {
			process__close(&info);
			return error__set(err, -ENOMEM, "out of memory");
		}
	}
	return 0;
}

static int make_tracer(struct trace *trace, struct error *err)
{
	const struct trace_options *options = &trace->options;
	struct tracer_options tracer_options = {
		.stacks = options->stacks,
		.python = options->python != PYTHON_NATIVE,
		.max_frames = options->max_frames,
		.ring_size = options->ring_size,
		.hold_limit_ns = options->hold_limit_ns,
		.follow = options->follow,
		.is_single = options->command || options->pids.size == 1,
		.allocators = options->allocators.data,
		.allocator_count = options->allocators.size,
	};
	struct tracer_callbacks callbacks = {
		.context = trace, .started = on_started, .exited = on_exited};

	trace->modules = modules__new();
	trace->spaces = trace->modules ? spaces__new(trace->modules) : NULL;
	if (!trace->spaces)
		return error__set(err, -ENOMEM, "out of memory");
	trace->tracer =
		tracer__new(&tracer_options, trace->modules, trace->spaces, &callbacks, err);
	return trace->tracer ? 0 : err->code;
}

static int make_model(struct trace *trace, struct error *err)
{
	struct heap_options options = {
		.start_ns = clock__now_ns(),
		.min_size = trace->options.view.min_size,
		.max_size = trace->options.view.max_size,
	};

	trace->feed.spaces = trace->spaces;
	trace->feed.heap = heap__new(&options);
	trace->feed.python_frames = python_frames__new();
	trace->feed.python_runtimes = python_runtimes__new();
	trace->feed.python_only = trace->options.python == PYTHON_ONLY;
	if (!trace->feed.heap || !trace->feed.python_frames || !trace->feed.python_runtimes)
		return error__set(err, -ENOMEM, "out of memory");
	trace->stream =
		stream__start(tracer__ring_fd(trace->tracer), feed__record, &trace->feed, err);
	return trace->stream ? 0 : err->code;
}

static struct trace_targets targets_of(struct trace *trace)
{
	return (struct trace_targets){trace->tracer, trace->stream, &trace->feed};
}

static int attach_processes(struct trace *trace, struct error *err)
{
	struct trace_targets targets = targets_of(trace);
	int code = trace_targets__attach(
		&targets, trace->processes.data, trace->processes.size, trace->options.follow, err);

	if (code)
		return code;
	return tracer__check(trace->tracer, err);
}

static int attach_command(struct trace *trace, struct error *err)
{
	struct trace_targets targets = targets_of(trace);
	struct launch *launch = &trace->launch;
	int code = trace_targets__add(&targets, launch->pid, NULL, true, err);

	for (size_t i = 0; i < launch->file_count && !code; i++)
		code = tracer__attach_file(
			trace->tracer, launch->pid, launch->files[i], i == 0, err);
	return code;
}

static void announce(const struct trace *trace)
{
	if (trace->options.live_view)
		return;
	if (trace->launched) {
		fprintf(stderr, "attached to %d (%s), %zu probe sites\n", trace->launch.pid,
			trace->launch.path, tracer__site_count(trace->tracer));
		return;
	}
	fprintf(stderr, "attached to ");
	vec_for_each (process, &trace->processes)
		fprintf(stderr, "%s%d (%s)", process == trace->processes.data ? "" : ", ",
			process->pid, process->comm);
	fprintf(stderr, ", %zu probe sites\n", tracer__site_count(trace->tracer));
}

static int watch_fd(struct trace *trace, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(trace->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int start_tracing(struct trace *trace, struct error *err)
{
	int code;

	code = trace->launched ? attach_command(trace, err) : attach_processes(trace, err);
	if (!code)
		code = trace_report__show_recording(trace->report, err);
	if (code)
		return code;
	/* Until here Ctrl-C ends memtrace at once; from here on it ends the run. */
	trace->interrupt = interrupt__tell();
	watch_fd(trace, trace->interrupt);
	trace->start_ns = clock__now_ns();
	stream__lock(trace->stream);
	feed__begin(&trace->feed, trace->start_ns);
	stream__unlock(trace->stream);
	/* A loader that waits for us should not wait long. A wish: failure is harmless. */
	setpriority(PRIO_PROCESS, 0, CONTROL_NICE);
	tracer__enable(trace->tracer, true);
	announce(trace);
	return trace->launched ? launch__release(&trace->launch, err) : 0;
}

/* --- the main loop */

/* Before any thread is made, as each starts with its maker's mask. */
static int watch_children(struct trace *trace, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	trace->children = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return trace->children < 0 ? error__set(err, -errno, "cannot read signals: %m") : 0;
}

static int make_timer(struct trace *trace, uint64_t first_ns, uint64_t interval_ns)
{
	struct itimerspec spec = {
		.it_value = {first_ns / 1000000000, first_ns % 1000000000},
		.it_interval = {interval_ns / 1000000000, interval_ns % 1000000000},
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd >= 0 && (timerfd_settime(fd, 0, &spec, NULL) || watch_fd(trace, fd))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int make_loop(struct trace *trace, struct error *err)
{
	trace->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (trace->epoll < 0 || watch_fd(trace, trace->children) ||
		watch_fd(trace, tracer__control_fd(trace->tracer)))
		return error__set(err, -errno, "cannot set up the main loop: %m");
	vec_for_each (process, &trace->processes)
		watch_fd(trace, process->pidfd);
	return 0;
}

/* From now on time counts: what came before, attaching, may have taken long. */
static void start_timers(struct trace *trace)
{
	const struct trace_options *options = &trace->options;

	if (options->duration_ns)
		trace->end_timer = make_timer(trace, options->duration_ns, 0);
	if (options->interval_ns)
		trace->interval_timer =
			make_timer(trace, options->interval_ns, options->interval_ns);
	if (options->record_path)
		trace->recording_timer =
			make_timer(trace, RECORDING_INTERVAL_NS, RECORDING_INTERVAL_NS);
	if (isatty(STDERR_FILENO) && !options->live_view)
		trace->live_timer = make_timer(trace, LIVE_LINE_INTERVAL_NS, LIVE_LINE_INTERVAL_NS);
	/* The first look is due at once: the process may hang already. */
	if (trace->locks)
		trace->locks_timer = make_timer(trace, 1, TRACE_LOCKS_INTERVAL_NS);
}

static void reap_command(struct trace *trace)
{
	siginfo_t info = {0};

	if (!trace->launched || trace->command_ended)
		return;
	if (waitid(P_PID, trace->launch.pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
		info.si_pid == 0)
		return;
	waitpid(trace->launch.pid, &trace->command_status, 0);
	trace->command_ended = true;
	/* The exit record, if there is one, ends the run; a child that never ran has none. */
	tracer__handle_control(trace->tracer);
	if (tracer__live_count(trace->tracer) == 0)
		trace->done = true;
}

static void read_children(struct trace *trace)
{
	struct signalfd_siginfo info;

	while (read(trace->children, &info, sizeof(info)) == sizeof(info))
		reap_command(trace);
}

/* A pidfd became readable: the process is gone, also where its exit record was lost. */
static void notice_exit(struct trace *trace, int fd)
{
	epoll_ctl(trace->epoll, EPOLL_CTL_DEL, fd, NULL);
	tracer__handle_control(trace->tracer);
	if (trace->options.follow)
		return; /* its children may live on; their exit records count */
	vec_for_each (process, &trace->processes)
		if (process__is_alive(process))
			return;
	trace->done = true;
}

static void look_at_locks(struct trace *trace, bool final)
{
	pid_t pids[MAX_LOOKED_AT];
	size_t count = tracer__pids(trace->tracer, pids, MAX_LOOKED_AT);

	if (trace->locks && count < tracer__live_count(trace->tracer))
		log__warn("looked for deadlocks in %zu of %zu processes only (memtrace watch looks "
			  "at all)",
			count, tracer__live_count(trace->tracer));
	trace_locks__look(trace->locks, pids, count, final);
}

/* Once a second: at the processes' locks, and for what lost records did not tell. */
static void look_again(struct trace *trace)
{
	tracer__handle_control(trace->tracer);
	trace_reconcile__look(&trace->reconcile, trace->tracer, trace->stream, &trace->feed);
	look_at_locks(trace, false);
}

static void handle_timer(struct trace *trace, int fd)
{
	uint64_t expirations;

	if (read(fd, &expirations, sizeof(expirations)) != sizeof(expirations))
		return;
	if (fd == trace->end_timer)
		trace->done = true;
	else if (fd == trace->interval_timer)
		trace->done = trace_report__print_interim(trace->report) == -EPIPE;
	else if (fd == trace->top_timer)
		top__tick(trace->top);
	else if (fd == trace->locks_timer)
		look_again(trace);
	else if (fd == trace->recording_timer)
		trace->done = trace_report__flush_recording(trace->report) == -EPIPE;
	else
		trace_report__draw_live_line(trace->report);
}

static void handle_fd(struct trace *trace, int fd)
{
	if (fd == trace->children)
		read_children(trace);
	else if (fd == trace->interrupt)
		trace->done = true;
	else if (fd == tracer__control_fd(trace->tracer))
		tracer__handle_control(trace->tracer);
	else if (fd == trace->end_timer || fd == trace->interval_timer || fd == trace->live_timer ||
		 fd == trace->locks_timer || fd == trace->recording_timer || fd == trace->top_timer)
		handle_timer(trace, fd);
	else if (trace->top && fd == STDIN_FILENO)
		trace->done |= top__read_keys(trace->top);
	else
		notice_exit(trace, fd);
}

/* From here on the terminal is the view's. */
static int start_top(
	struct trace *trace, const struct trace_report_source *source, struct error *err)
{
	trace->top = top__new(source, trace->report, trace->start_ns, err);
	if (!trace->top)
		return err->code;
	trace->top_timer = make_timer(trace, TOP_INTERVAL_NS, TOP_INTERVAL_NS);
	if (trace->top_timer < 0 || watch_fd(trace, STDIN_FILENO))
		return error__set(err, -errno, "cannot watch the terminal: %m");
	return 0;
}

static void end_top(struct trace *trace)
{
	if (!trace->top)
		return;
	top__free(trace->top);
	trace->top = NULL;
	if (tracer__live_count(trace->tracer) == 0)
		fprintf(stderr, "nothing is left to trace: the process has ended\n");
}

static void run_loop(struct trace *trace)
{
	struct epoll_event events[8];

	while (!trace->done) {
		int count = epoll_wait(trace->epoll, events, 8, -1);

		for (int i = 0; i < count && !trace->done; i++)
			handle_fd(trace, events[i].data.fd);
	}
}

/* --- ending */

static void stop_tracing(struct trace *trace)
{
	tracer__enable(trace->tracer, false);
	tracer__handle_control(trace->tracer);
	if (trace->launched && !trace->command_ended)
		reap_command(trace);
	trace_reconcile__begin(&trace->reconcile, trace->tracer, trace->stream, &trace->feed);
	stream__stop(trace->stream);
	trace->stream = NULL;
	trace_reconcile__finish(&trace->reconcile, trace->tracer, &trace->feed);
}

static void free_trace(struct trace *trace)
{
	live_events__free(&trace->events);
	top__free(trace->top);
	trace_report__free(trace->report);
	trace_reconcile__free(&trace->reconcile);
	trace_locks__free(trace->locks);
	stream__stop(trace->stream);
	tracer__free(trace->tracer);
	heap__free(trace->feed.heap);
	python_frames__free(trace->feed.python_frames);
	python_runtimes__free(trace->feed.python_runtimes);
	spaces__free(trace->spaces);
	modules__free(trace->modules);
	if (trace->launched)
		launch__close(&trace->launch);
	vec_for_each (process, &trace->processes)
		process__close(process);
	vec_free(&trace->processes);
	trace_options__free(&trace->options);
}

static int exit_code_of(const struct trace *trace)
{
	int status = trace->command_status;

	if (trace_locks__found(trace->locks))
		return EXIT_DEADLOCK;
	if (!trace->options.exit_status || !trace->command_ended)
		return EXIT_DONE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A launched command that outlives the run is left running, unless it is not to be. */
static void leave_command(struct trace *trace)
{
	if (trace->launched && !trace->command_ended)
		reap_command(trace);
	if (!trace->launched || trace->command_ended)
		return;
	if (trace->options.kill_on_exit)
		launch__end(&trace->launch);
	else
		log__warn("the command still runs, untraced, as process %d (--kill-on-exit would "
			  "end it)",
			trace->launch.pid);
}

static int run_trace(struct trace *trace, struct error *err)
{
	struct trace_report_source source = {.options = &trace->options};
	int code;

	code = capabilities__check(err);
	if (!code)
		code = trace_report__check_output(&trace->options, err);
	if (!code)
		code = live_events__prepare(&trace->events, &trace->options, err);
	if (!code)
		code = check_allocators(trace, err);
	if (!code)
		code = open_processes(trace, err);
	if (!code && trace->options.command) {
		code = launch__prepare(trace->options.command, &trace->launch, err);
		trace->launched = !code;
	}
	/* One for each mapped file and each link; a launched command keeps the limit that it had.
	 */
	file__allow_many();
	if (!code)
		code = watch_children(trace, err);
	if (!code)
		code = make_tracer(trace, err);
	if (!code)
		code = make_model(trace, err);
	if (!code && !(trace->locks = trace_locks__new()))
		code = error__set(err, -ENOMEM, "out of memory");
	if (!code)
		code = make_loop(trace, err);
	if (code)
		return code;
	source.feed = &trace->feed;
	source.stream = trace->stream;
	source.tracer = trace->tracer;
	source.modules = trace->modules;
	source.processes = trace->processes.data;
	source.process_count = trace->processes.size;
	source.launch = trace->launched ? &trace->launch : NULL;
	source.locks = trace->locks;
	trace->report = trace_report__new(&source, err);
	if (!trace->report)
		return err->code;
	code = trace_report__record(trace->report, err);
	if (!code)
		code = start_tracing(trace, err);
	if (code)
		return code;
	trace_report__start(trace->report, trace->start_ns);
	start_timers(trace);
	if (trace->options.live_view)
		code = start_top(trace, &source, err);
	if (code)
		return code;
	run_loop(trace);
	end_top(trace);
	if (trace->launched && launch__check(&trace->launch, err))
		return err->code;
	look_at_locks(trace, true);
	stop_tracing(trace);
	code = trace_report__print_final(
		trace->report, trace->command_ended, trace->command_status, err);
	leave_command(trace);
	return code ? code : live_events__write(&trace->events, &trace->options, err);
}

int cmd_trace(int argc, char **argv)
{
	struct trace trace = {.epoll = -1,
		.children = -1,
		.interrupt = -1,
		.live_timer = -1,
		.interval_timer = -1,
		.recording_timer = -1,
		.end_timer = -1,
		.locks_timer = -1,
		.top_timer = -1};
	struct error err = {0};
	int code;

	code = trace_options__parse(argc, argv, &trace.options);
	if (code)
		return code - 1;
	log__set_verbose(trace.options.verbose);
	code = run_trace(&trace, &err);
	code = cmd__failed(&err, code) ? EXIT_COULD_NOT : exit_code_of(&trace);
	free_trace(&trace);
	return code;
}
