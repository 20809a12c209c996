/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace -p PID, memtrace -- COMMAND: attaches, follows until the end, reports.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/capabilities.h"
#include "attach/confined.h"
#include "attach/named_allocators.h"
#include "attach/tracer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/python_allocator.h"
#include "cmd/trace_run.h"
#include "cmd/trace_targets.h"
#include "process/translated.h"

/* Of the thread that attaches to new libraries while their loaders wait. */
#define CONTROL_NICE (-15)

/* --- what can be refused */

static int check_privileges(struct trace *trace, struct error *error)
{
	return capabilities__check(error);
}

static int check_output(struct trace *trace, struct error *error)
{
	return trace_report__check_output(&trace->options, error);
}

static int prepare_events(struct trace *trace, struct error *error)
{
	return live_events__prepare(&trace->events, &trace->options, error);
}

static int check_allocators(struct trace *trace, struct error *error)
{
	vec_for_each (spec, &trace->options.allocators) {
		int err = named_allocators__check(*spec, error);

		if (err)
			return err;
	}
	return 0;
}

/* What keeps memtrace from putting probes into a process. */
static int check_process(pid_t pid, struct error *error)
{
	const char *translator = translated__by(pid);

	if (translator)
		return error__set(error, -EOPNOTSUPP,
			"process %d runs under %s, which would take memtrace's probes for the "
			"program's own breakpoints: its heap cannot be seen from outside",
			pid, translator);
	return confined__check(pid, error);
}

static int open_processes(struct trace *trace, struct error *error)
{
	vec_for_each (pid, &trace->options.pids) {
		struct process_info info;
		int err;

		if (*pid == getpid())
			return error__set(error, -EINVAL, "%d is memtrace itself", *pid);
		err = process__open(*pid, &info, error);
		if (err)
			return err;
		err = check_process(*pid, error);
		if (err) {
			process__close(&info);
			return err;
		}
		if (vec_push(&trace->processes, info)) {
			process__close(&info);
			return error__set(error, -ENOMEM, "out of memory");
		}
	}
	return 0;
}

static int prepare_python(struct trace *trace, struct error *error)
{
	int err = 0;

	if (!trace->options.python_allocator)
		return 0;
	if (trace->options.command)
		return python_allocator__set(error);
	vec_for_each (pid, &trace->options.pids)
		if (!err)
			err = python_allocator__check(*pid, error);
	return err;
}

static int prepare_command(struct trace *trace, struct error *error)
{
	int err;

	if (!trace->options.command)
		return 0;
	err = launch__prepare(trace->options.command, &trace->launch, error);
	trace->launched = !err;
	return err;
}

/* --- making the parts */

/* One for each mapped file and each link. */
static int allow_many_files(struct trace *trace, struct error *error)
{
	file__allow_many();
	return 0;
}

static int make_tracer(struct trace *trace, struct error *error)
{
	const struct trace_options *options = &trace->options;
	struct tracer_options tracer_options = {
		.stacks = options->stacks,
		.python = options->python != PYTHON_NATIVE,
		.max_frames = options->max_frames,
		.ring_size = options->ring_size,
		.hold_limit_ns = options->hold_limit_ns,
		.without_mappings = options->without_mappings,
		.page_faults = options->mode == MODE_GROWTH,
		.only_samples = options->mode == MODE_SAMPLES,
		.usdt = options->usdt.data,
		.usdt_count = options->usdt.size,
		.follow = options->follow,
		.is_single = options->command || options->pids.size == 1,
		.windows = options->budget > 0,
		.budget = options->budget,
		.allocators = options->allocators.data,
		.allocator_count = options->allocators.size,
	};
	struct tracer_callbacks callbacks = trace_callbacks__of(trace);

	trace->modules = modules__new();
	trace->spaces = trace->modules ? spaces__new(trace->modules) : NULL;
	if (!trace->spaces)
		return error__set(error, -ENOMEM, "out of memory");
	trace->tracer =
		tracer__new(&tracer_options, trace->modules, trace->spaces, &callbacks, error);
	return trace->tracer ? 0 : error->code;
}

static int make_model(struct trace *trace, struct error *error)
{
	struct heap_options options = {
		.start_ns = clock__now_ns(),
		.min_size = trace->options.view.min_size,
		.max_size = trace->options.view.max_size,
	};

	trace->feed.spaces = trace->spaces;
	trace->feed.heap = heap__new(&options);
	if (trace->options.budget)
		trace->feed.sampling = sampling__new();
	trace->feed.own_samples = own_samples__new();
	trace->feed.python_frames = python_frames__new();
	trace->feed.python_runtimes = python_runtimes__new();
	trace->feed.python_only = trace->options.python == PYTHON_ONLY;
	if (!trace->feed.heap || !trace->feed.own_samples || !trace->feed.python_frames ||
		!trace->feed.python_runtimes || (trace->options.budget && !trace->feed.sampling))
		return error__set(error, -ENOMEM, "out of memory");
	trace->stream =
		stream__start(tracer__ring_fd(trace->tracer), feed__record, &trace->feed, error);
	return trace->stream ? 0 : error->code;
}

static int make_leaks(struct trace *trace, struct error *error)
{
	if (!trace->options.leaks)
		return 0;
	trace->leaks = trace_leaks__new(&trace->options, error);
	if (!trace->leaks)
		return error->code;
	trace_leaks__use(trace->leaks, trace->tracer, trace->stream, &trace->feed);
	return 0;
}

static int make_windows(struct trace *trace, struct error *error)
{
	struct trace_windows_options options = {
		.budget = trace->options.budget,
		.tracer = trace->tracer,
		.stream = trace->stream,
		.feed = &trace->feed,
	};

	if (!trace->options.budget)
		return 0;
	trace->windows = trace_windows__new(&options, error);
	return trace->windows ? 0 : error->code;
}

static int make_locks(struct trace *trace, struct error *error)
{
	/* A look takes the thread that ends windows a while. */
	if (trace->windows)
		return 0;
	trace->locks = trace_locks__new();
	return trace->locks ? 0 : error__set(error, -ENOMEM, "out of memory");
}

static int make_report(struct trace *trace, struct error *error)
{
	trace->source = (struct trace_report_source){
		.options = &trace->options,
		.feed = &trace->feed,
		.stream = trace->stream,
		.tracer = trace->tracer,
		.modules = trace->modules,
		.spaces = trace->spaces,
		.processes = trace->processes.data,
		.process_count = trace->processes.size,
		.launch = trace->launched ? &trace->launch : NULL,
		.locks = trace->locks,
		.leaks = trace->leaks,
		.windows = trace->windows,
	};
	trace->report = trace_report__new(&trace->source, error);
	return trace->report ? 0 : error->code;
}

static int open_recording(struct trace *trace, struct error *error)
{
	return trace_report__record(trace->report, error);
}

/* --- tracing */

static struct trace_targets targets_of(struct trace *trace)
{
	return (struct trace_targets){trace->tracer, trace->stream, &trace->feed};
}

static int attach_processes(struct trace *trace, struct error *error)
{
	struct trace_targets targets = targets_of(trace);
	int err = trace_targets__attach(&targets, trace->processes.data, trace->processes.size,
		trace->options.follow, error);

	if (err)
		return err;
	return tracer__check(trace->tracer, error);
}

static int attach_command(struct trace *trace, struct error *error)
{
	struct trace_targets targets = targets_of(trace);
	struct launch *launch = &trace->launch;
	int err = trace_targets__add(&targets, launch->pid, NULL, true, error);

	for (size_t i = 0; i < launch->file_count && !err; i++)
		err = tracer__attach_file(
			trace->tracer, launch->pid, launch->files[i], i == 0, error);
	return err;
}

static void announce(const struct trace *trace)
{
	const char *separator = "";
	char *line = NULL;
	size_t size;
	FILE *out;

	if (trace->options.live_view)
		return;
	out = open_memstream(&line, &size);
	if (!out)
		return;
	if (trace->launched) {
		fprintf(out, "%d (%s)", trace->launch.pid, trace->launch.path);
		separator = ", ";
	}
	vec_for_each (process, &trace->processes) {
		fprintf(out, "%s%d (%s)", separator, process->pid, process->comm);
		separator = ", ";
	}
	if (trace->options.mode == MODE_GROWTH)
		fprintf(out, ", by page faults");
	else
		fprintf(out, ", %zu probe sites", tracer__site_count(trace->tracer));
	if (fclose(out) == 0)
		log__status("attached to %s", line);
	free(line);
}

static int attach_targets(struct trace *trace, struct error *error)
{
	int err = trace->launched ? attach_command(trace, error) : attach_processes(trace, error);

	vec_for_each (process, &trace->processes)
		if (!err)
			trace_leaks__watch(trace->leaks, process->pid,
				tracer__image_of(trace->tracer, process->pid));
	return err;
}

static int show_recording(struct trace *trace, struct error *error)
{
	return trace_report__show_recording(trace->report, error);
}

static int begin_run(struct trace *trace, struct error *error)
{
	trace_loop__take_interrupt(trace);
	trace->start_ns = clock__now_ns();
	stream__lock(trace->stream);
	feed__begin(&trace->feed, trace->start_ns);
	stream__unlock(trace->stream);
	/* A loader that waits for us should not wait long. A wish: failure is harmless. */
	setpriority(PRIO_PROCESS, 0, CONTROL_NICE);
	if (trace->windows)
		trace_windows__start(trace->windows);
	else
		tracer__enable(trace->tracer, true);
	announce(trace);
	return trace->launched ? launch__release(&trace->launch, error) : 0;
}

static int start_report(struct trace *trace, struct error *error)
{
	trace_report__start(trace->report, trace->start_ns);
	return 0;
}

/* From here on the terminal is the view's. */
static int start_top(struct trace *trace, struct error *error)
{
	if (!trace->options.live_view)
		return 0;
	trace->top = top__new(&trace->source, trace->report, trace->start_ns, error);
	return trace->top ? 0 : error->code;
}

static int follow_events(struct trace *trace, struct error *error)
{
	trace_loop__run(trace);
	return 0;
}

/* --- ending */

static int end_top(struct trace *trace, struct error *error)
{
	if (!trace->top)
		return 0;
	top__free(trace->top);
	trace->top = NULL;
	if (tracer__live_count(trace->tracer) == 0)
		fprintf(stderr, "nothing left to trace: the process has ended\n");
	return 0;
}

static int check_command(struct trace *trace, struct error *error)
{
	return trace->launched ? launch__check(&trace->launch, error) : 0;
}

static int look_a_last_time(struct trace *trace, struct error *error)
{
	trace_loop__look_at_locks(trace, true);
	return 0;
}

static int look_for_leaks(struct trace *trace, struct error *error)
{
	trace_leaks__look(trace->leaks);
	return 0;
}

static int stop_tracing(struct trace *trace, struct error *error)
{
	if (trace->windows)
		trace_windows__settle(trace->windows, true);
	tracer__enable(trace->tracer, false);
	tracer__handle_control(trace->tracer);
	trace_loop__reap_command(trace);
	trace_reconcile__begin(&trace->reconcile, trace->tracer, trace->stream, &trace->feed);
	trace_leaks__stop(trace->leaks);
	stream__stop(trace->stream);
	trace->stream = NULL;
	trace_reconcile__finish(&trace->reconcile, trace->tracer, &trace->feed);
	return 0;
}

/* A launched command that outlives the run is left running, unless it is not to be. */
static void leave_command(struct trace *trace)
{
	trace_loop__reap_command(trace);
	if (!trace->launched || trace->command_ended)
		return;
	if (trace->options.kill_on_exit)
		launch__end(&trace->launch);
	else
		log__warn("the command is still running, untraced, as process %d (--kill-on-exit "
			  "would "
			  "end it)",
			trace->launch.pid);
}

static int print_report(struct trace *trace, struct error *error)
{
	int err = trace_report__print_final(
		trace->report, trace->command_ended, trace->command_status, error);

	leave_command(trace);
	return err;
}

static int list_events(struct trace *trace, struct error *error)
{
	return live_events__write(&trace->events, &trace->options, error);
}

/* --- the run */

typedef int trace_step(struct trace *trace, struct error *error);

/*
 * A run from its first step to its last; the first one that fails, with a negative errno and its
 * message, ends it. What free_trace finds made it frees.
 */
static trace_step *const steps[] = {
	/* What can be refused is refused before anything is begun. */
	check_privileges, check_output,
	prepare_events, /* which has the run recorded: before the recording is opened */
	check_allocators, open_processes, prepare_python,
	/* The command is forked here and waits: it keeps the limit of files that memtrace had. */
	prepare_command, allow_many_files,
	/* Before the stream's thread is made, as each starts with its maker's mask. */
	trace_loop__take_signals, make_tracer,
	make_model, /* reads the tracer's ring from here on */
	make_windows, make_leaks, make_locks, trace_loop__open, make_report,
	open_recording, /* before anything is attached: names of what is found there are recorded */
	attach_targets,
	show_recording, /* only now: a run that cannot begin leaves no file behind */
	begin_run,	/* releases the command */
	start_report, start_top, trace_loop__start_timers, /* one of them is the view's */
	follow_events, end_top, /* gives the terminal back: messages may follow */
	check_command,
	/* While the stream is read: the last look may take a second. */
	look_a_last_time, look_for_leaks, stop_tracing, print_report,
	list_events, /* from the recording, which is complete now */
};

static int run_trace(struct trace *trace, struct error *error)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = steps[i](trace, error);
	return err;
}

static void free_trace(struct trace *trace)
{
	event_loop__close(&trace->loop);
	live_events__free(&trace->events);
	top__free(trace->top);
	trace_report__free(trace->report);
	trace_reconcile__free(&trace->reconcile);
	trace_locks__free(trace->locks);
	trace_windows__free(trace->windows);
	stream__stop(trace->stream);
	tracer__free(trace->tracer);
	trace_leaks__free(trace->leaks);
	heap__free(trace->feed.heap);
	sampling__free(trace->feed.sampling);
	own_samples__free(trace->feed.own_samples);
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
	if (trace->options.leak_status && trace_leaks__found(trace->leaks))
		return trace->options.leak_status;
	if (!trace->options.exit_status || !trace->command_ended)
		return EXIT_DONE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int cmd_trace(int argc, char **argv)
{
	struct trace trace = {.loop = {.epoll = -1}, .children = -1};
	struct error error = {0};
	int err = trace_options__parse(argc, argv, &trace.options);

	if (err)
		return err - 1;
	log__set_verbose(trace.options.verbose);
	err = run_trace(&trace, &error);
	err = cmd__failed(&error, err) ? EXIT_COULD_NOT : exit_code_of(&trace);
	free_trace(&trace);
	return err;
}
