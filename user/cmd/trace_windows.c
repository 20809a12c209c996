/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_windows.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "attach/windows.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "cmd/liveness.h"

#define SECOND_NS 1000000000.0

/*
 * Of a second's budget: how much comes in a second, how much can be saved, what one window is to
 * cost. Together the first two stay below the whole: so no second costs more, wherever it begins.
 */
#define INCOME 0.6
#define SAVINGS 0.25
#define WINDOW_PRICE 0.12

/*
 * What a window costs the target beside its traps: pages of code that become its own and are shared
 * again, the processors' tables of pages. An assumption, on the safe side of what was seen.
 */
#define CHANGE_NS 150000.0

#define LEAST_WINDOW_NS 1000000.0
#define MOST_WINDOW_NS 200000000.0
/* Of windows without gaps. */
#define WHOLE_WINDOW_NS 500000000.0
/* Between two windows: the kernel takes some time to take the probes out for good. */
#define LEAST_GAP_NS 20000000.0
/* From a window's end until its blocks are asked for: while their addresses are still theirs. */
#define ASK_DELAY_NS 4000000.0
/* Longest wait for the reader of the ring, before a report. */
#define SETTLE_TRIES 400

enum window_state {
	STATE_CLOSED = 0,
	STATE_ASKING, /* closed, and its blocks are asked for next */
	STATE_EARLY,
	STATE_LATE,
};

struct trace_windows {
	struct trace_windows_options options;
	struct liveness_asker *asker;
	int timer;
	enum window_state state;
	uint32_t number;
	bool is_whole; /* no gap before nor after, if it goes on like that */
	bool has_warned;
	double income;	/* ns of cost for each ns of time */
	double account; /* ns */
	uint64_t counted_ns;
	uint64_t counted_cost;
	double share; /* of an open window's time that is cost; recent windows' */
	double window_ns;
	double gap_ns; /* after asking */
	uint64_t opened_ns;
	uint64_t opened_cost;
	uint64_t random;
};

/* --- time */

static void set_timer(struct trace_windows *windows, double ns)
{
	uint64_t in = ns < 1 ? 1 : ns;
	struct itimerspec time = {.it_value = {in / 1000000000, in % 1000000000}};

	timerfd_settime(windows->timer, 0, &time, NULL);
}

/* 0 to 1. */
static double random_part(struct trace_windows *windows)
{
	windows->random += 0x9e3779b97f4a7c15ull;
	return (hash_mix(windows->random) >> 11) * 0x1p-53;
}

/* --- the account */

static double savings(const struct trace_windows *windows)
{
	return windows->options.budget / 100 * SAVINGS * SECOND_NS;
}

/* Income since the last time, less what was spent. */
static void balance(struct trace_windows *windows)
{
	uint64_t now = clock__now_ns(), cost = tracer__spent_ns(windows->options.tracer);

	windows->account += (now - windows->counted_ns) * windows->income;
	if (windows->account > savings(windows))
		windows->account = savings(windows);
	windows->account -= (double)cost - (double)windows->counted_cost;
	windows->counted_ns = now;
	windows->counted_cost = cost;
}

/* How long the next window is to be, and when it can be paid. */
static void plan(struct trace_windows *windows)
{
	double price = windows->options.budget / 100 * WINDOW_PRICE * SECOND_NS, wait;

	windows->is_whole = windows->share < windows->income * 0.8;
	windows->window_ns = windows->is_whole ? WHOLE_WINDOW_NS : price / windows->share;
	if (!windows->is_whole && windows->window_ns > MOST_WINDOW_NS)
		windows->window_ns = MOST_WINDOW_NS;
	if (windows->window_ns < LEAST_WINDOW_NS)
		windows->window_ns = LEAST_WINDOW_NS;
	price = windows->is_whole ? 0 : windows->window_ns * windows->share + CHANGE_NS;
	wait = (price - windows->account) / windows->income;
	/* At random times: what the program does in rhythm is not met at the same beat. */
	wait = (wait > 0 ? wait : 0) + 2 * LEAST_GAP_NS * random_part(windows);
	windows->gap_ns = wait < LEAST_GAP_NS ? LEAST_GAP_NS : wait;
}

/* What the window that ends has cost, for the plan of the next. */
static void learn(struct trace_windows *windows)
{
	uint64_t ns = clock__now_ns() - windows->opened_ns;
	double share = ns ? (double)(windows->counted_cost - windows->opened_cost) / ns : 0;

	/* Up at once, down slowly. */
	windows->share = share > windows->share ? share : windows->share * 0.7 + share * 0.3;
	if (windows->share < 1e-6)
		windows->share = 1e-6;
}

/* --- asking */

static void take_answer(void *context, const struct event_liveness *answer)
{
	struct trace_windows *windows = context;

	feed__record(windows->options.feed, &answer->header, sizeof(*answer));
}

static void ask(struct trace_windows *windows, bool all)
{
	asked_blocks blocks = {0};

	stream__lock(windows->options.stream);
	if (sampling__due(windows->options.feed->sampling, clock__now_ns(), all, &blocks))
		windows->options.feed->failures++;
	stream__unlock(windows->options.stream);
	if (!blocks.size)
		return;
	/* Reading takes some ms at the most, in which the ring does not fill. */
	stream__lock(windows->options.stream);
	liveness_asker__ask(windows->asker, blocks.data, blocks.size, take_answer, windows);
	stream__unlock(windows->options.stream);
	vec_free(&blocks);
}

/* --- windows */

static void open_window(struct trace_windows *windows, bool keep)
{
	struct error error = {0};

	windows->number++;
	if (tracer__open_window(windows->options.tracer, windows->number, keep, &error) &&
		!windows->has_warned) {
		windows->has_warned = true;
		log__warn("%s", error.message);
	}
	balance(windows);
	if (!keep)
		windows->account -= CHANGE_NS;
	windows->opened_ns = windows->counted_ns;
	windows->opened_cost = windows->counted_cost;
	tracer__limit_window(windows->options.tracer,
		windows->account > CHANGE_NS ? windows->account : CHANGE_NS);
	windows->state = windows->is_whole ? STATE_LATE : STATE_EARLY;
	set_timer(windows, windows->is_whole ? windows->window_ns : windows->window_ns / 2);
}

static void note_middle(struct trace_windows *windows)
{
	tracer__note_middle(windows->options.tracer, windows->number);
	windows->state = STATE_LATE;
	set_timer(windows, windows->window_ns / 2);
}

/* @goes_on: the next window follows at once, if it can be paid. */
static void close_window(struct trace_windows *windows, bool goes_on)
{
	bool keep;

	balance(windows);
	learn(windows);
	keep = goes_on && windows->is_whole && windows->share < windows->income * 0.8;
	/* Blocks that the next window goes on watching need no second half in this one. */
	tracer__limit_window(windows->options.tracer, 0);
	if (keep)
		tracer__note_middle(windows->options.tracer, windows->number);
	tracer__close_window(windows->options.tracer, windows->number, keep);
	if (keep) {
		open_window(windows, true);
		return;
	}
	plan(windows);
	windows->state = STATE_ASKING;
	set_timer(windows, ASK_DELAY_NS);
}

void trace_windows__tick(struct trace_windows *windows)
{
	uint64_t times;

	if (read(windows->timer, &times, sizeof(times)) != sizeof(times))
		return;
	switch (windows->state) {
	case STATE_CLOSED:
		ask(windows, false);
		open_window(windows, false);
		break;
	case STATE_ASKING:
		ask(windows, false);
		windows->state = STATE_CLOSED;
		set_timer(windows, windows->gap_ns);
		break;
	case STATE_EARLY:
		note_middle(windows);
		break;
	case STATE_LATE:
		close_window(windows, true);
		if (windows->state == STATE_LATE)
			ask(windows, false);
		break;
	}
}

void trace_windows__spent(struct trace_windows *windows)
{
	if (windows->state == STATE_EARLY || windows->state == STATE_LATE)
		close_window(windows, false);
}

void trace_windows__settle(struct trace_windows *windows, bool last)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	size_t rounds;

	if (windows->state == STATE_EARLY || windows->state == STATE_LATE)
		close_window(windows, false);
	tracer__note_times(windows->options.tracer);
	rounds = stream__rounds(windows->options.stream);
	for (int i = 0; i < SETTLE_TRIES && stream__rounds(windows->options.stream) < rounds + 2;
		i++)
		nanosleep(&pause, NULL);
	ask(windows, true);
	if (last)
		set_timer(windows, 3600 * SECOND_NS);
}

/* --- */

struct trace_windows *trace_windows__new(
	const struct trace_windows_options *options, struct error *error)
{
	struct trace_windows *windows = calloc(1, sizeof(*windows));
	struct trap_cost cost = {.uncertainty = TRAP_COST_LEAST_UNCERTAINTY};
	int err;

	if (!windows) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	windows->options = *options;
	windows->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	windows->asker = liveness_asker__new(options->feed->spaces);
	if (windows->timer < 0 || !windows->asker) {
		error__set(error, windows->asker ? -errno : -ENOMEM, "cannot set up windows: %m");
		goto fail;
	}
	err = tracer__measure_traps(options->tracer, &cost, error);
	if (err)
		goto fail;
	tracer__price_traps(options->tracer, &cost);
	log__debug("a probe costs %.0f ns beside its program, a return probe %.0f ns, a "
		   "single-stepped one %.0f ns (+- %.0f %%)",
		cost.ns[TRAP_ENTRY], cost.ns[TRAP_RETURN], cost.ns[TRAP_STEPPED],
		cost.uncertainty * 100);
	windows->income = options->budget / 100 * INCOME;
	windows->share = 1;
	windows->random = clock__now_ns();
	return windows;
fail:
	trace_windows__free(windows);
	return NULL;
}

void trace_windows__free(struct trace_windows *windows)
{
	if (!windows)
		return;
	if (windows->timer >= 0)
		close(windows->timer);
	liveness_asker__free(windows->asker);
	free(windows);
}

int trace_windows__fd(const struct trace_windows *windows)
{
	return windows->timer;
}

void trace_windows__start(struct trace_windows *windows)
{
	windows->counted_ns = clock__now_ns();
	windows->counted_cost = tracer__spent_ns(windows->options.tracer);
	windows->account = savings(windows);
	tracer__note_times(windows->options.tracer);
	plan(windows);
	set_timer(windows, LEAST_GAP_NS * random_part(windows));
}
