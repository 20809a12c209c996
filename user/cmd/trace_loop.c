/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/tracer.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "cmd/trace_resident.h"
#include "cmd/trace_run.h"

/* The live line is redrawn this often; the issue of a slow terminal is the terminal's. */
#define LIVE_LINE_INTERVAL_NS 250000000ull

/* A kill loses no more than this of a recording. */
#define RECORDING_INTERVAL_NS 1000000000ull

/* A process that ends is known as it was at the last look. */
#define RESIDENT_INTERVAL_NS 1000000000ull

/* Processes that are looked at for deadlocks; a tree that is larger is looked at in part. */
#define MAX_LOOKED_AT 4096

/* --- processes that end */

void trace_loop__reap_command(struct trace *trace)
{
	siginfo_t info = {0};

	if (!trace->launched || trace->command_ended)
		return;
	if (waitid(P_PID, trace->launch.pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
		info.si_pid == 0)
		return;
	trace_leaks__end(trace->leaks, trace->launch.pid);
	waitpid(trace->launch.pid, &trace->command_status, 0);
	trace->command_ended = true;
	/* The exit record, if there is one, ends the run; a child that never ran has none. */
	tracer__handle_control(trace->tracer);
	if (tracer__live_count(trace->tracer) == 0)
		event_loop__end(&trace->loop);
}

static void read_children(void *context, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		trace_loop__reap_command(context);
}

/* A pidfd became readable: the process is gone, also where its exit record was lost. */
static void notice_exit(void *context, int fd)
{
	struct trace *trace = context;

	event_loop__forget(&trace->loop, fd);
	tracer__handle_control(trace->tracer);
	if (trace->options.follow)
		return; /* its children may live on; their exit records count */
	vec_for_each (process, &trace->processes)
		if (process__is_alive(process))
			return;
	event_loop__end(&trace->loop);
}

static void handle_control(void *context, int fd)
{
	struct trace *trace = context;

	tracer__handle_control(trace->tracer);
}

/* --- what is due */

void trace_loop__look_at_locks(struct trace *trace, bool final)
{
	pid_t pids[MAX_LOOKED_AT];
	size_t count = tracer__pids(trace->tracer, pids, MAX_LOOKED_AT);

	if (trace->locks && count < tracer__live_count(trace->tracer))
		log__warn("looked for deadlocks in only %zu of %zu processes (memtrace watch looks "
			  "at all)",
			count, tracer__live_count(trace->tracer));
	trace_locks__look(trace->locks, pids, count, final);
}

/* Once a second: at the processes' locks, and for what lost records did not tell. */
static void look_again(void *context, int fd)
{
	struct trace *trace = context;

	tracer__handle_control(trace->tracer);
	trace_reconcile__look(&trace->reconcile, trace->tracer, trace->stream, &trace->feed);
	trace_loop__look_at_locks(trace, false);
}

static void look_at_pages(void *context, int fd)
{
	struct trace *trace = context;

	stream__lock(trace->stream);
	trace_resident__look(&trace->feed);
	stream__unlock(trace->stream);
}

static void print_interim(void *context, int fd)
{
	struct trace *trace = context;

	if (trace_report__print_interim(trace->report) == -EPIPE)
		event_loop__end(&trace->loop);
}

static void flush_recording(void *context, int fd)
{
	struct trace *trace = context;

	if (trace_report__flush_recording(trace->report) == -EPIPE)
		event_loop__end(&trace->loop);
}

static void tick_windows(void *context, int fd)
{
	struct trace *trace = context;

	trace_windows__tick(trace->windows);
}

static void draw_live_line(void *context, int fd)
{
	struct trace *trace = context;

	trace_report__draw_live_line(trace->report);
}

static void tick_top(void *context, int fd)
{
	struct trace *trace = context;

	top__tick(trace->top);
}

static void end_run(void *context, int fd)
{
	struct trace *trace = context;

	event_loop__end(&trace->loop);
}

static void read_keys(void *context, int fd)
{
	struct trace *trace = context;

	if (top__read_keys(trace->top))
		event_loop__end(&trace->loop);
}

/* --- the loop */

int trace_loop__take_signals(struct trace *trace, struct error *error)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	trace->children = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return trace->children < 0 ? error__set(error, -errno, "cannot read signals: %m") : 0;
}

static int watch_all(struct trace *trace)
{
	struct event_loop *loop = &trace->loop;
	int err = event_loop__watch(loop, trace->children, read_children);

	if (!err)
		err = event_loop__watch(loop, tracer__control_fd(trace->tracer), handle_control);
	if (!err && trace->windows)
		err = event_loop__watch(loop, trace_windows__fd(trace->windows), tick_windows);
	vec_for_each (process, &trace->processes)
		if (!err)
			err = event_loop__watch(loop, process->pidfd, notice_exit);
	return err;
}

int trace_loop__open(struct trace *trace, struct error *error)
{
	int err = event_loop__open(&trace->loop, trace);

	if (!err)
		err = watch_all(trace);
	if (!err)
		return 0;
	return error__set(error, err, "cannot set up the main loop: %s", strerror(-err));
}

void trace_loop__take_interrupt(struct trace *trace)
{
	event_loop__watch(&trace->loop, interrupt__tell(), end_run);
}

/* What is not wanted has no timer. */
struct timer {
	bool is_wanted;
	uint64_t first_ns;
	uint64_t interval_ns; /* 0: once */
	event_loop_fn *handle;
};

int trace_loop__start_timers(struct trace *trace, struct error *error)
{
	const struct trace_options *options = &trace->options;
	const uint64_t report_ns = options->interval_ns, end_ns = options->duration_ns;
	const struct timer timers[] = {
		{end_ns, end_ns, 0, end_run},
		{report_ns, report_ns, report_ns, print_interim},
		{options->record_path, RECORDING_INTERVAL_NS, RECORDING_INTERVAL_NS,
			flush_recording},
		{isatty(STDERR_FILENO) && !options->live_view && !trace->windows,
			LIVE_LINE_INTERVAL_NS, LIVE_LINE_INTERVAL_NS, draw_live_line},
		/* The first look is due at once: the process may hang already. */
		{trace->locks, 1, TRACE_LOCKS_INTERVAL_NS, look_again},
		{options->mode == MODE_GROWTH, RESIDENT_INTERVAL_NS, RESIDENT_INTERVAL_NS,
			look_at_pages},
		{trace->top, TOP_INTERVAL_NS, TOP_INTERVAL_NS, tick_top},
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]) && !err; i++)
		if (timers[i].is_wanted)
			err = event_loop__time(&trace->loop, timers[i].first_ns,
				timers[i].interval_ns, timers[i].handle);
	if (!err && trace->top)
		err = event_loop__watch(&trace->loop, STDIN_FILENO, read_keys);
	return err ? error__set(error, err, "cannot set up timers: %s", strerror(-err)) : 0;
}

void trace_loop__run(struct trace *trace)
{
	event_loop__run(&trace->loop);
}
