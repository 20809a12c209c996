/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/windows.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "attach/tracer_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "process/cpu_time.h"
#include "process/threads.h"

/* Reading a process's mappings takes up to some milliseconds: new libraries are found so soon. */
#define LOOK_INTERVAL_NS 1000000000ull

/* Threads whose time in a window is read; others are taken for such as never rest. */
#define MAX_CLOCKS 64

/* --- the threads' time */

static void open_clock(struct tracer *tracer, pid_t pid, uint32_t process, pid_t tid)
{
	struct window_clock clock = {.process = process, .pid = pid, .tid = tid};

	if (tracer->clocks.size >= MAX_CLOCKS)
		return;
	clock.fd = cpu_time__open_thread(tid);
	/* One that has ended meanwhile has no time in this window. */
	if (clock.fd >= 0 && vec_push(&tracer->clocks, clock))
		close(clock.fd);
}

static void open_clocks(struct tracer *tracer)
{
	hash_for_each (slot, &tracer->traced) {
		struct threads threads;
		struct error none;

		if (threads__list(slot->key, &threads, &none))
			continue;
		for (size_t i = 0; i < threads.size; i++)
			open_clock(tracer, slot->key, slot->value.process, threads.data[i].tid);
		threads__free(&threads);
	}
}

static void close_clocks(struct tracer *tracer)
{
	vec_for_each (clock, &tracer->clocks)
		close(clock->fd);
	tracer->clocks.size = 0;
}

/*
 * What a thread waits after it was taken the processor from grows with what it runs, as by its
 * probes; what it waits when it is woken does not.
 */
static uint64_t delay_by_running(const struct cpu_waits *from, const struct cpu_waits *to)
{
	uint64_t woken = to->woken - from->woken, preempted = to->preempted - from->preempted;
	double part = woken + preempted ? (double)preempted / (woken + preempted) : 1;

	return to->delay_ns > from->delay_ns ? (to->delay_ns - from->delay_ns) * part : 0;
}

/* What has passed since the last time is left in each clock. */
static void read_clocks(struct tracer *tracer)
{
	vec_for_each (clock, &tracer->clocks) {
		struct cpu_waits waits = cpu_time__waits(clock->pid, clock->tid);
		uint64_t cpu = clock->cpu_ns;

		if (cpu_time__read_thread(clock->fd, &cpu))
			cpu = clock->cpu_ns;
		clock->cpu_passed = cpu - clock->cpu_ns;
		clock->delay_passed = delay_by_running(&clock->waits, &waits);
		clock->cpu_ns = cpu;
		clock->waits = waits;
	}
}

/* --- records */

static void put(struct tracer *tracer, const void *record, uint32_t flags, bool enables)
{
	struct record_to_put put = {.flags = flags, .enables = enables};
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &put, .ctx_size_in = sizeof(put));
	int err;

	memcpy(put.bytes, record, sizeof(put.bytes));
	err = bpf_prog_test_run_opts(bpf_program__fd(tracer->skel->progs.put_record), &run);
	if (err || run.retval)
		__atomic_fetch_add(
			&tracer->shared->losses[LOSS_PROCESS_RING_FULL], 1, __ATOMIC_RELAXED);
}

static void put_edge(
	struct tracer *tracer, enum window_edge edge, uint32_t number, uint64_t time_ns)
{
	struct event_window event = {
		.header = {.kind = EVENT_WINDOW,
			.flags = edge,
			.thread_sequence = number,
			.time_ns = time_ns},
		.cost_ns = tracer__spent_ns(tracer),
		.uncertainty_ppm = tracer->trap_cost.uncertainty * 1e6,
		.budget_ppm = tracer->options.budget * 1e4,
	};

	put(tracer, &event, edge == WINDOW_END ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP,
		edge == WINDOW_BEGIN);
}

static void put_thread(struct tracer *tracer, const struct window_clock *clock, uint32_t number)
{
	struct event_window_thread event = {
		.header = {.kind = EVENT_WINDOW_THREAD,
			.tid = clock->tid,
			.process = clock->process,
			.thread_sequence = number,
			.time_ns = clock__now_ns()},
		.cpu_ns = clock->cpu_passed,
		.delay_ns = clock->delay_passed,
	};

	put(tracer, &event, BPF_RB_NO_WAKEUP, false);
}

/* --- windows */

static int awake_all(struct tracer *tracer, struct error *error)
{
	uint64_t now = clock__now_ns();
	bool looks = now - tracer->looked_ns > LOOK_INTERVAL_NS;
	struct error first = {0};

	if (looks)
		tracer->looked_ns = now;
	hash_for_each (slot, &tracer->traced) {
		struct error why = {0};
		int err = 0;

		if (slot->value.is_translated)
			continue;
		/* Still dormant: what is new is only noted, and linked with the rest. */
		if (looks)
			tracer__attach_mapped(tracer, slot->key, &slot->value, &why);
		tracer->is_dormant = false;
		err = tracer__awake(tracer, slot->key, &slot->value, &why);
		tracer->is_dormant = true;
		if (err && err != -ESRCH && !first.code)
			first = why;
	}
	if (!first.code)
		return 0;
	*error = first;
	return first.code;
}

int tracer__open_window(struct tracer *tracer, uint32_t number, bool keep, struct error *error)
{
	int err = 0;

	if (!keep) {
		open_clocks(tracer);
		__atomic_store_n(&tracer->shared->window, number, __ATOMIC_SEQ_CST);
		err = awake_all(tracer, error);
	}
	tracer->is_dormant = false;
	read_clocks(tracer);
	/* Its time is that of the moment in which records begin to come. */
	put_edge(tracer, WINDOW_BEGIN, number, 0);
	return err;
}

void tracer__note_times(struct tracer *tracer)
{
	put_edge(tracer, WINDOW_NOTE, 0, clock__now_ns());
}

void tracer__note_middle(struct tracer *tracer, uint32_t number)
{
	put_edge(tracer, WINDOW_MIDDLE, number, clock__now_ns());
}

void tracer__close_window(struct tracer *tracer, uint32_t number, bool keep)
{
	uint64_t end_ns;

	tracer__enable(tracer, false);
	/* What follows may take longer than the window did, if others have the processors. */
	end_ns = clock__now_ns();
	read_clocks(tracer);
	if (!keep) {
		hash_for_each (slot, &tracer->traced)
			tracer__hush(tracer, &slot->value);
		tracer->is_dormant = true;
	}
	vec_for_each (clock, &tracer->clocks)
		put_thread(tracer, clock, number);
	put_edge(tracer, WINDOW_END, number, end_ns);
	if (!keep)
		close_clocks(tracer);
}

/* --- costs */

static double traps_ns(const struct tracer *tracer)
{
	double ns = 0;

	for (int i = 0; i < TRAP_KIND_COUNT; i++)
		ns += tracer->shared->costs.traps[i] * tracer->trap_cost.ns[i];
	return ns;
}

uint64_t tracer__spent_ns(const struct tracer *tracer)
{
	double ns = traps_ns(tracer) + tracer->shared->costs.program_ns - tracer->unpriced_ns;

	return ns > 0 ? ns : 0;
}

void tracer__limit_window(struct tracer *tracer, uint64_t cost_ns)
{
	struct probe_costs *costs = &tracer->shared->costs;
	double program_ns = costs->program_ns - tracer->priced_program_ns;
	double traps = traps_ns(tracer) - tracer->unpriced_ns + tracer->priced_program_ns;
	/* Of the cost so far, the programs' part: they know no more than their own time. */
	double part = traps > 0 && program_ns > 0 ? program_ns / (program_ns + traps) : 0.3;

	__atomic_store_n(&costs->program_limit_ns,
		cost_ns ? costs->program_ns + (uint64_t)(cost_ns * part) + 1 : 0, __ATOMIC_SEQ_CST);
}

void tracer__price_traps(struct tracer *tracer, const struct trap_cost *cost)
{
	tracer->trap_cost = *cost;
	/* What the measurement itself has cost is no target's. */
	tracer->priced_program_ns = tracer->shared->costs.program_ns;
	tracer->unpriced_ns = traps_ns(tracer) + tracer->priced_program_ns;
}

int tracer__measure_traps(struct tracer *tracer, struct trap_cost *cost, struct error *error)
{
	struct tracer_bpf *skel = tracer->skel;
	struct trap_programs programs = {
		.kind = tracer->link_kind,
		.entry_fd = bpf_program__fd(skel->progs.priced_entry),
		.both_fd = bpf_program__fd(tracer->link_kind == LINK_SESSION
						   ? skel->progs.priced_session
						   : skel->progs.priced_return),
		.program_ns = (const volatile uint64_t *)&tracer->shared->costs.program_ns,
	};

	return trap_cost__measure(&programs, cost, error);
}
