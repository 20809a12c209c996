/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace serve: traces what matches until it is told to stop, and answers HTTP meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "attach/capabilities.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/serve_memory.h"
#include "cmd/serve_otlp.h"
#include "cmd/serve_reports.h"
#include "serve/call_filter.h"
#include "serve/notify.h"
#include "serve/token.h"
#include "symbols/names_worker.h"

/* As for memtrace -p: of the thread that attaches to new libraries while their loaders wait. */
#define CONTROL_NICE (-15)
/* Workers that read names, see filter_calls. */
#define SPARE_NAMES_WORKERS 6
#define HOLD_NS 300000000ull
#define RECONCILE_NS 1000000000ull
/* All of the end takes less than a second: what is busy for longer than this is left as it is. */
#define STOP_MS 250

/* --- what is shared with the other threads */

static void publish(struct serve *serve)
{
	struct serve_status *status = &serve->status;
	const struct served_process *list;
	uint64_t losses[LOSS_COUNT];
	size_t count;

	tracer__losses(serve->tracer, losses);
	list = serve_targets__list(serve->targets, &count);
	pthread_mutex_lock(&serve->lock);
	memcpy(status->losses, losses, sizeof(losses));
	tracer__holds(serve->tracer, &status->holds);
	status->site_count = tracer__site_count(serve->tracer);
	status->target_count = tracer__live_count(serve->tracer);
	status->refused = serve_targets__refused(serve->targets);
	status->served.size = 0;
	if (count && !vec_reserve(&status->served, count)) {
		memcpy(status->served.data, list, count * sizeof(*list));
		status->served.size = count;
	}
	status->is_ready = true;
	pthread_mutex_unlock(&serve->lock);
}

/* A serve_pids_fn. */
static int list_pids(void *context, pid_list *out)
{
	struct serve *serve = context;
	int err = 0;

	pthread_mutex_lock(&serve->lock);
	vec_for_each (served, &serve->status.served)
		if (!served->ended_ns && !err)
			err = vec_push(out, served->pid);
	pthread_mutex_unlock(&serve->lock);
	return err;
}

/* --- making the parts */

static int share_memory(struct serve *serve, struct error *error)
{
	serve->memory = serve_memory__share(serve->options.memory_limit);
	serve_memory__bound_allocator();
	return 0;
}

static int check_privileges(struct serve *serve, struct error *error)
{
	return capabilities__check(error);
}

static int parse_address(struct serve *serve, struct error *error)
{
	return listen__parse(serve->options.listen, &serve->address, error);
}

static int check_token(struct serve *serve, struct error *error)
{
	char token[TOKEN_SIZE];

	if (serve->options.token_file)
		return token__read(serve->options.token_file, token, error);
	if (!serve->address.is_loopback)
		log__warn("who can reach %s can read names and stacks of what is traced: "
			  "--token-file FILE asks for a token",
			serve->options.listen);
	return 0;
}

static int open_listener(struct serve *serve, struct error *error)
{
	serve->listener = listen__open(&serve->address, serve->options.listen, error);
	return serve->listener < 0 ? serve->listener : 0;
}

/* Threads are made later, and have what this one has. */
static int drop_capabilities(struct serve *serve, struct error *error)
{
	return capabilities__drop_others(error);
}

static void on_started(void *context, const struct tracer_start *start)
{
	serve_targets__started(((struct serve *)context)->targets, start->pid);
}

static void on_exited(void *context, pid_t pid, uint32_t process, uint32_t status, size_t left)
{
	serve_targets__exited(((struct serve *)context)->targets, pid);
}

/* A child of a process that was chosen by its place is in the same place. */
static bool follows(const struct serve_options *options)
{
	return options->filter.all || options->processes.cgroup || options->filter.containers.size;
}

static int make_tracer(struct serve *serve, struct error *error)
{
	struct tracer_options options = {
		.stacks = STACKS_CFI,
		.python = true,
		.max_frames = EVENT_DEFAULT_FRAMES,
		.ring_size = serve->memory.ring_bytes,
		.control_ring_size = serve->memory.control_ring_bytes,
		.hold_limit_ns = HOLD_NS,
		.follow = follows(&serve->options),
	};
	struct tracer_callbacks callbacks = {
		.context = serve, .started = on_started, .exited = on_exited};

	file__allow_many();
	serve->modules = modules__new();
	serve->spaces = serve->modules ? spaces__new(serve->modules) : NULL;
	if (!serve->spaces)
		return error__set(error, -ENOMEM, "out of memory");
	serve->tracer = tracer__new(&options, serve->modules, serve->spaces, &callbacks, error);
	return serve->tracer ? 0 : error->code;
}

static int make_model(struct serve *serve, struct error *error)
{
	struct heap_options options = {
		.start_ns = clock__now_ns(),
		.memory_limit = serve->memory.model_bytes,
	};

	serve->feed.spaces = serve->spaces;
	serve->feed.heap = heap__new(&options);
	serve->feed.python_frames = python_frames__new();
	serve->feed.python_runtimes = python_runtimes__new();
	view_options__init(&serve->view);
	serve->symbolizer = frame_names__symbolizer(&serve->view, serve->spaces);
	if (!serve->feed.heap || !serve->feed.python_frames || !serve->feed.python_runtimes ||
		!serve->symbolizer)
		return error__set(error, -ENOMEM, "out of memory");
	serve->stream =
		stream__start(tracer__ring_fd(serve->tracer), feed__record, &serve->feed, error);
	return serve->stream ? 0 : error->code;
}

static int make_targets(struct serve *serve, struct error *error)
{
	struct trace_targets targets = {serve->tracer, serve->stream, &serve->feed};

	serve->targets = serve_targets__new(&serve->options.filter, &targets);
	return serve->targets ? 0 : error__set(error, -ENOMEM, "out of memory");
}

/* Where no look can be made, or waits cannot be traced, the rest goes on without. */
static int make_looks(struct serve *serve, struct error *error)
{
	struct error why = {0};

	serve->locks = serve_locks__start(list_pids, serve, &why);
	if (!serve->locks)
		log__warn("no looks at locks: %s", why.message);
	if (serve->options.no_contention)
		return 0;
	serve->waits = serve_waits__start(list_pids, serve, serve->memory.waits_bytes, &why);
	if (!serve->waits)
		log__warn("waits for locks are not traced: %s", why.message);
	return 0;
}

static int make_server(struct serve *serve, struct error *error)
{
	struct server_options options = {
		.listener = serve->listener,
		.routes = serve_routes,
		.context = serve,
		.answer_bytes = serve->memory.answer_bytes,
	};
	char token[TOKEN_SIZE];
	int err = 0;

	if (serve->options.token_file) {
		err = token__read(serve->options.token_file, token, error);
		options.token = token;
	}
	if (err)
		return err;
	serve->listener = -1;
	serve->server = server__start(&options, error);
	explicit_bzero(token, sizeof(token));
	return serve->server ? 0 : error->code;
}

static void send_otlp(void *context, int fd)
{
	struct serve *serve = context;

	serve_otlp__send(serve->otlp);
}

static int make_otlp(struct serve *serve, struct error *error)
{
	uint64_t interval_ns = serve->options.otlp_interval_ns;
	int err;

	if (!serve->options.otlp)
		return 0;
	serve->otlp = serve_otlp__start(serve, error);
	if (!serve->otlp)
		return error->code;
	err = event_loop__time(&serve->loop, interval_ns, interval_ns, send_otlp);
	return err ? error__set(error, err, "cannot set up the main loop: %s", strerror(-err)) : 0;
}

/*
 * Last, when everything is loaded and open. A kernel without seccomp serves without. Behind the
 * filter no program can be executed, so what reads names is started before: one for reports, one
 * for looks at locks, and as many as files may end.
 */
static int filter_calls(struct serve *serve, struct error *error)
{
	struct error why = {0};

	if (names_worker__keep_spares(SPARE_NAMES_WORKERS, &why))
		log__warn("%s", why.message);
	serve_memory__give_back();
	if (call_filter__install(&why))
		log__warn("%s", why.message);
	return 0;
}

/* --- the loop */

/*
 * The shares of the limit are sizes by each part's own account. Where all of it is nearly used up
 * nevertheless, the model takes in nothing new for the time being.
 */
static void watch_memory(struct serve *serve)
{
	enum serve_memory_state state = serve_memory__look(&serve->memory);

	if (state == serve->memory_state)
		return;
	serve->memory_state = state;
	if (state == SERVE_MEMORY_FULL && !serve->memory.was_full)
		log__warn("memtrace has reached its --memory-limit: new call sites and blocks are "
			  "added up");
	serve->memory.was_full |= state == SERVE_MEMORY_FULL;
	stream__lock(serve->stream);
	heap__close(serve->feed.heap, state == SERVE_MEMORY_FULL);
	stream__unlock(serve->stream);
}

static void handle_control(void *context, int fd)
{
	struct serve *serve = context;

	tracer__handle_control(serve->tracer);
}

static void scan(void *context, int fd)
{
	struct serve *serve = context;

	tracer__handle_control(serve->tracer);
	serve_targets__scan(serve->targets);
	publish(serve);
	watch_memory(serve);
}

static void reconcile(void *context, int fd)
{
	struct serve *serve = context;

	trace_reconcile__look(&serve->reconcile, serve->tracer, serve->stream, &serve->feed);
}

static void end_run(void *context, int fd)
{
	struct serve *serve = context;

	event_loop__end(&serve->loop);
}

static void reload(void *context, int fd)
{
	struct serve *serve = context;
	char token[TOKEN_SIZE];
	struct error error = {0};
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 || !serve->options.token_file)
		return;
	if (token__read(serve->options.token_file, token, &error)) {
		log__warn("%s; the old token stays", error.message);
		return;
	}
	server__set_token(serve->server, token);
	explicit_bzero(token, sizeof(token));
	fprintf(stderr, "read the token from %s\n", serve->options.token_file);
}

static int open_loop(struct serve *serve, struct error *error)
{
	struct event_loop *loop = &serve->loop;
	int err = event_loop__open(loop, serve), hangup = interrupt__tell_hangup();

	if (!err)
		err = event_loop__watch(loop, interrupt__tell(), end_run);
	if (!err && hangup >= 0)
		err = event_loop__watch(loop, hangup, reload);
	if (!err)
		err = event_loop__watch(loop, tracer__control_fd(serve->tracer), handle_control);
	if (!err)
		err = event_loop__time(loop, SERVE_SCAN_NS, SERVE_SCAN_NS, scan);
	if (!err)
		err = event_loop__time(loop, RECONCILE_NS, RECONCILE_NS, reconcile);
	return err ? error__set(error, err, "cannot set up the main loop: %s", strerror(-err)) : 0;
}

static int begin_run(struct serve *serve, struct error *error)
{
	serve->start_ns = clock__now_ns();
	serve->start_unix_ns = clock__unix_ns();
	stream__lock(serve->stream);
	feed__begin(&serve->feed, serve->start_ns);
	stream__unlock(serve->stream);
	setpriority(PRIO_PROCESS, 0, CONTROL_NICE);
	tracer__enable(serve->tracer, true);
	scan(serve, -1);
	return 0;
}

static int announce(struct serve *serve, struct error *error)
{
	fprintf(stderr, "serving on %s, %zu process%s traced\n", serve->options.listen,
		serve->status.target_count, serve->status.target_count == 1 ? "" : "es");
	notify__send("READY=1\nSTATUS=tracing");
	return 0;
}

static int run_loop(struct serve *serve, struct error *error)
{
	event_loop__run(&serve->loop);
	notify__send("STOPPING=1");
	return 0;
}

/* --- the run */

typedef int serve_step(struct serve *serve, struct error *error);

/* From the first to the last; the first one that fails, with @error set, ends the run. */
static serve_step *const steps[] = {
	/* What can be refused is refused before anything is begun. */
	share_memory,
	parse_address,
	check_token,
	check_privileges,
	open_listener,
	/* A port below 1024 was to be had with one of them. */
	drop_capabilities,
	/* The models before what feeds them, all of it before anybody can ask. */
	make_tracer,
	make_model,
	make_targets,
	open_loop,
	begin_run, /* attaches to what matches already */
	make_looks,
	make_server,
	make_otlp,
	filter_calls,
	announce,
	run_loop,
};

static void free_models(struct serve *serve)
{
	event_loop__close(&serve->loop);
	trace_reconcile__free(&serve->reconcile);
	stream__stop(serve->stream);
	serve_targets__free(serve->targets);
	tracer__free(serve->tracer);
	heap__free(serve->feed.heap);
	python_frames__free(serve->feed.python_frames);
	python_runtimes__free(serve->feed.python_runtimes);
	symbolizer__free(serve->symbolizer);
	view_options__free(&serve->view);
	spaces__free(serve->spaces);
	modules__free(serve->modules);
	vec_free(&serve->status.served);
	vec_free(&serve->watched_jit);
	pthread_mutex_destroy(&serve->lock);
	serve_options__free(&serve->options);
}

/* Where a thread is still at something long, what it uses stays until the process is gone. */
static void end_serve(struct serve *serve)
{
	bool all_ended = server__stop(serve->server, STOP_MS);

	all_ended &= serve_locks__stop(serve->locks, STOP_MS);
	all_ended &= serve_waits__stop(serve->waits, STOP_MS);
	if (all_ended)
		serve_otlp__stop(serve->otlp);
	if (serve->listener >= 0)
		close(serve->listener);
	if (serve->listener >= 0 || serve->server)
		listen__remove(&serve->address);
	if (all_ended)
		free_models(serve);
}

int cmd_serve(int argc, char **argv)
{
	struct serve serve = {
		.listener = -1, .loop = {.epoll = -1}, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct error error = {0};
	int err = serve_options__parse(argc, argv, &serve.options);

	if (err)
		return err - 1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = steps[i](&serve, &error);
	err = cmd__failed(&error, err) ? EXIT_COULD_NOT : EXIT_DONE;
	end_serve(&serve);
	return err;
}
