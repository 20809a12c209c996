/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/order_run.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/capabilities.h"
#include "attach/confined.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "process/children.h"
#include "process/threads.h"
#include "process/translated.h"

/* How often the ring is read: records come when locks nest in a new way, which is soon over. */
#define READ_NS 20000000ull
/* Of the thread that attaches to new libraries while their loaders wait. */
#define CONTROL_NICE (-15)

/* --- what can be refused */

/* What keeps memtrace from putting probes into a process. */
static int check_process(pid_t pid, struct error *error)
{
	const char *translator = translated__by(pid);

	if (pid == getpid())
		return error__set(error, -EINVAL, "%d is memtrace itself", pid);
	if (translator)
		return error__set(error, -EOPNOTSUPP,
			"process %d runs under %s, which would take memtrace's probes for the "
			"program's own breakpoints",
			pid, translator);
	if (threads__shown(pid) != pid)
		return error__set(error, -ENOTSUP,
			"process %d: its first thread has ended, through which the kernel places "
			"probes, so it cannot be traced; memtrace locks can look at it",
			pid);
	return confined__check(pid, error);
}

static int open_processes(struct order_run *run, struct error *error)
{
	vec_for_each (pid, &run->options.pids) {
		struct process_info info;
		int err = process__open(*pid, &info, error);

		if (err)
			return err;
		err = check_process(*pid, error);
		if (!err && vec_push(&run->processes, info))
			err = error__set(error, -ENOMEM, "out of memory");
		if (err) {
			process__close(&info);
			return err;
		}
	}
	return 0;
}

/* --- making the parts */

static void on_exited(void *context, pid_t pid, uint32_t process, uint32_t status, size_t left)
{
	struct order_run *run = context;

	if (run->launched && pid == run->launch.pid && status != TRACER_STATUS_UNKNOWN) {
		run->command_ended = true;
		run->command_status = status;
	}
	if (left == 0)
		event_loop__end(&run->loop);
}

static int make_tracer(struct order_run *run, struct error *error)
{
	const struct order_options *options = &run->options;
	struct tracer_options tracer = {
		.subject = TRACER_ORDER,
		.stacks = STACKS_CFI,
		.max_frames = EVENT_DEFAULT_FRAMES,
		.ring_size = options->ring_size,
		.hold_limit_ns = options->hold_limit_ns,
		.follow = options->follow,
		.is_single = options->command || options->pids.size == 1,
	};
	struct tracer_callbacks callbacks = {.context = run, .exited = on_exited};

	run->modules = modules__new();
	run->spaces = run->modules ? spaces__new(run->modules) : NULL;
	if (!run->spaces)
		return error__set(error, -ENOMEM, "out of memory");
	run->tracer = tracer__new(&tracer, run->modules, run->spaces, &callbacks, error);
	if (!run->tracer)
		return error->code;
	run->feed = order_feed__new(run->tracer, run->spaces, clock__now_ns());
	if (!run->feed)
		return error__set(error, -ENOMEM, "out of memory");
	run->ring =
		ring_buffer__new(tracer__ring_fd(run->tracer), order_feed__record, run->feed, NULL);
	return run->ring ? 0 : error__set(error, -errno, "cannot map the ring buffer: %m");
}

/* --- attaching */

static int add_process(struct order_run *run, pid_t pid, bool awaits_exec, struct error *error)
{
	uint32_t process = tracer__add(run->tracer, pid, awaits_exec, error);

	if (!process)
		return error->code;
	return order_feed__add(run->feed, process, pid)
		       ? error__set(error, -ENOMEM, "out of memory")
		       : 0;
}

/* One that ends meanwhile, or is a zombie by now, has nothing to be traced. */
static void add_child(void *context, pid_t pid)
{
	struct order_run *run = context;
	struct error error = {0};
	int err;

	/* The kernel's side follows the forks of what is a target already. */
	if (tracer__image_of(run->tracer, pid))
		return;
	err = check_process(pid, &error);
	if (!err)
		err = add_process(run, pid, false, &error);
	if (err && err != -ESRCH && err != -EINVAL)
		log__warn("child %d is not traced: %s", pid, error.message);
}

static int attach_processes(struct order_run *run, struct error *error)
{
	pid_list pids = {0};
	int err = 0;

	vec_for_each (process, &run->processes) {
		if (!err)
			err = add_process(run, process->pid, false, error);
		if (!err && vec_push(&pids, process->pid))
			err = error__set(error, -ENOMEM, "out of memory");
	}
	if (!err && run->options.follow && children__visit(&pids, add_child, run))
		err = error__set(error, -ENOMEM, "out of memory");
	vec_free(&pids);
	return err ? err : tracer__check(run->tracer, error);
}

static int attach_command(struct order_run *run, struct error *error)
{
	struct launch *launch = &run->launch;
	int err = add_process(run, launch->pid, true, error);

	for (size_t i = 0; i < launch->file_count && !err; i++)
		err = tracer__attach_file(
			run->tracer, launch->pid, launch->files[i], i == 0, error);
	return err;
}

static void announce(const struct order_run *run)
{
	if (run->launched)
		log__status("attached to %d (%s), %zu probe sites", run->launch.pid,
			run->launch.path, tracer__site_count(run->tracer));
	else
		log__status("attached to %zu process%s, %zu probe sites", run->processes.size,
			run->processes.size == 1 ? "" : "es", tracer__site_count(run->tracer));
}

/* --- the loop */

static void reap_command(struct order_run *run)
{
	siginfo_t info = {0};

	if (!run->launched || run->command_ended)
		return;
	if (waitid(P_PID, run->launch.pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return;
	waitpid(run->launch.pid, &run->command_status, 0);
	run->command_ended = true;
	/* The exit record, if there is one, ends the run; a child that never ran has none. */
	tracer__handle_control(run->tracer);
	if (tracer__live_count(run->tracer) == 0)
		event_loop__end(&run->loop);
}

static void read_children(void *context, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		reap_command(context);
}

/* A pidfd became readable: the process is gone, also where its exit record was lost. */
static void notice_exit(void *context, int fd)
{
	struct order_run *run = context;

	event_loop__forget(&run->loop, fd);
	tracer__handle_control(run->tracer);
	if (run->options.follow)
		return; /* its children may live on; their exit records count */
	vec_for_each (process, &run->processes)
		if (process__is_alive(process))
			return;
	event_loop__end(&run->loop);
}

static void handle_control(void *context, int fd)
{
	struct order_run *run = context;

	tracer__handle_control(run->tracer);
}

static void read_ring(void *context, int fd)
{
	struct order_run *run = context;

	ring_buffer__consume(run->ring);
}

static void end_run(void *context, int fd)
{
	struct order_run *run = context;

	event_loop__end(&run->loop);
}

static int take_signals(struct order_run *run, struct error *error)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run->children = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return run->children < 0 ? error__set(error, -errno, "cannot read signals: %m") : 0;
}

static int open_loop(struct order_run *run, struct error *error)
{
	struct event_loop *loop = &run->loop;
	int err = event_loop__open(loop, run);

	if (!err)
		err = event_loop__watch(loop, run->children, read_children);
	if (!err)
		err = event_loop__watch(loop, tracer__control_fd(run->tracer), handle_control);
	if (!err)
		err = event_loop__watch(loop, ring_buffer__epoll_fd(run->ring), read_ring);
	vec_for_each (process, &run->processes)
		if (!err)
			err = event_loop__watch(loop, process->pidfd, notice_exit);
	return err ? error__set(error, err, "cannot set up the main loop: %s", strerror(-err)) : 0;
}

static int begin(struct order_run *run, struct error *error)
{
	int err;

	event_loop__watch(&run->loop, interrupt__tell(), end_run);
	run->start_ns = clock__now_ns();
	run->start_unix_ns = clock__unix_ns();
	/* A loader that waits for us should not wait long. A wish: failure is harmless. */
	setpriority(PRIO_PROCESS, 0, CONTROL_NICE);
	tracer__enable(run->tracer, true);
	announce(run);
	err = event_loop__time(&run->loop, READ_NS, READ_NS, read_ring);
	if (!err && run->options.duration_ns)
		err = event_loop__time(&run->loop, run->options.duration_ns, 0, end_run);
	if (err)
		return error__set(error, err, "cannot set up timers: %s", strerror(-err));
	run->released = run->launched;
	return run->launched ? launch__release(&run->launch, error) : 0;
}

static int finish(struct order_run *run, struct error *error)
{
	int err = run->launched ? launch__check(&run->launch, error) : 0;

	run->duration_ns = clock__now_ns() - run->start_ns;
	tracer__enable(run->tracer, false);
	tracer__handle_control(run->tracer);
	reap_command(run);
	ring_buffer__consume(run->ring);
	if (!err && order_feed__finish(run->feed))
		err = error__set(error, -ENOMEM, "out of memory");
	return err;
}

int order_run__trace(struct order_run *run, struct error *error)
{
	int err = open_processes(run, error);

	if (!err && run->options.command) {
		/* It waits, and keeps the limit of files that memtrace had. */
		err = launch__prepare(run->options.command, &run->launch, error);
		run->launched = !err;
	}
	file__allow_many(); /* one for each mapped file and each link */
	if (!err)
		err = take_signals(run, error);
	if (!err)
		err = make_tracer(run, error);
	if (!err)
		err = open_loop(run, error);
	if (!err)
		err = run->launched ? attach_command(run, error) : attach_processes(run, error);
	if (!err)
		err = begin(run, error);
	if (err)
		return err;
	event_loop__run(&run->loop);
	return finish(run, error);
}

void order_run__leave_command(struct order_run *run)
{
	reap_command(run);
	if (!run->released || run->command_ended)
		return;
	if (run->options.kill_on_exit)
		launch__end(&run->launch);
	else
		log__warn("the command is still running, untraced, as process %d (--kill-on-exit "
			  "would end it)",
			run->launch.pid);
}

void order_run__free(struct order_run *run)
{
	event_loop__close(&run->loop);
	ring_buffer__free(run->ring);
	order_feed__free(run->feed);
	tracer__free(run->tracer);
	spaces__free(run->spaces);
	modules__free(run->modules);
	if (run->launched)
		launch__close(&run->launch);
	if (run->children >= 0)
		close(run->children);
	vec_for_each (process, &run->processes)
		process__close(process);
	vec_free(&run->processes);
	vec_free(&run->options.pids);
	vec_free(&run->options.suppressed);
}
