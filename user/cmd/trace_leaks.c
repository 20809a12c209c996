/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_leaks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "census/census.h"
#include "cmd/heap_target.h"
#include "process/pinned.h"
#include "report/loss.h"

/* What the ring holds when a look begins is in the model within this, or the look goes on without.
 */
#define SYNC_MS 1000

/* A process that is searched. */
struct leak_target {
	pid_t pid;
	uint32_t process;
	struct pinned *pinned; /* NULL: its memory goes with it, */
	struct error unpinned; /* because of this */
	bool has_ended, has_maps;
	bool is_done;			   /* it was searched as it was left */
	struct smaps smaps;		   /* as it left them */
	VEC(struct census_thread) threads; /* that ended with it */
	bool has_set;			   /* the live set at its end, from the model */
	struct traced_set set;
	bool looked; /* `found` is of the latest look, or of the end */
	struct traced_leaks found;
	struct error failed; /* why the latest search found nothing */
};

struct trace_leaks {
	const struct trace_options *options;
	struct tracer *tracer;
	struct stream *stream; /* NULL: it has ended */
	struct feed *feed;
	VEC(struct leak_target *) targets; /* changed under the stream's lock */
	struct suppressions *suppressions;
	uint64_t definite; /* blocks, in the last report */
};

struct trace_leaks *trace_leaks__new(const struct trace_options *options, struct error *error)
{
	struct trace_leaks *leaks = calloc(1, sizeof(*leaks));
	int err = 0;

	if (leaks) {
		leaks->options = options;
		leaks->suppressions = suppressions__new();
	}
	if (!leaks || !leaks->suppressions)
		err = error__set(error, -ENOMEM, "out of memory");
	vec_for_each (path, &options->suppressions)
		if (!err)
			err = suppressions__read(leaks->suppressions, *path, error);
	if (!err)
		return leaks;
	trace_leaks__free(leaks);
	return NULL;
}

static void free_target(struct leak_target *target)
{
	pinned__release(target->pinned);
	smaps__free(&target->smaps);
	vec_free(&target->threads);
	traced__free(&target->set);
	traced_leaks__free(&target->found);
	free(target);
}

void trace_leaks__free(struct trace_leaks *leaks)
{
	if (!leaks)
		return;
	vec_for_each (target, &leaks->targets)
		free_target(*target);
	vec_free(&leaks->targets);
	suppressions__free(leaks->suppressions);
	free(leaks);
}

/* --- the live set */

static uint64_t losses_of(const struct trace_leaks *leaks)
{
	uint64_t losses[LOSS_COUNT];

	tracer__losses(leaks->tracer, losses);
	feed__add_losses(leaks->feed, losses);
	return loss__events(losses) + loss__others(losses);
}

struct set_taking {
	struct traced_set *set;
	int err;
};

static void take_block(void *context, const struct block *block)
{
	struct set_taking *taking = context;
	struct traced_block taken = {
		.address = block->address,
		.size = block->size,
		.time_ns = block->time_ns,
		.site = block_site(block) == SITE_FILTERED ? TRACED_UNCOUNTED : block_site(block),
	};

	if (vec_push(&taking->set->blocks, taken))
		taking->err = -ENOMEM;
}

static void take_range(void *context, const struct mapped_range *range)
{
	struct set_taking *taking = context;

	struct traced_range taken = {range->start, range->end, range->kind != MAPPED_ALLOCATOR};

	if (range->kind == MAPPED_STACK || range->kind == MAPPED_FILE)
		return;
	if (vec_push(&taking->set->own, taken))
		taking->err = -ENOMEM;
}

/* Under the stream's lock. */
static int take_set(struct trace_leaks *leaks, uint32_t process, struct traced_set *set)
{
	struct set_taking taking = {.set = set};

	set->is_whole = leaks->options->command && !losses_of(leaks);
	heap__visit_image(leaks->feed->heap, process, take_block, take_range, &taking);
	return taking.err;
}

/* What the probes have sent so far is in the model then. */
static void wait_for_stream(const struct trace_leaks *leaks)
{
	struct timespec pause = {.tv_nsec = 1000000};
	size_t rounds = stream__rounds(leaks->stream);

	for (int i = 0; i < SYNC_MS && stream__rounds(leaks->stream) < rounds + 2; i++)
		nanosleep(&pause, NULL);
}

struct live_source {
	struct trace_leaks *leaks;
	uint32_t process;
};

static int take_live(void *context, struct traced_set *set)
{
	const struct live_source *source = context;
	int err;

	wait_for_stream(source->leaks);
	stream__lock(source->leaks->stream);
	err = take_set(source->leaks, source->process, set);
	stream__unlock(source->leaks->stream);
	return err;
}

/* --- what the tracer tells */

static struct leak_target *find_target(struct trace_leaks *leaks, uint32_t process)
{
	vec_for_each (target, &leaks->targets)
		if ((*target)->process == process)
			return *target;
	return NULL;
}

static void take_last_set(void *context, uint32_t process)
{
	struct trace_leaks *leaks = context;
	struct leak_target *target = find_target(leaks, process);

	if (target && !target->has_set)
		target->has_set = !take_set(leaks, process, &target->set);
}

void trace_leaks__use(
	struct trace_leaks *leaks, struct tracer *tracer, struct stream *stream, struct feed *feed)
{
	leaks->tracer = tracer;
	leaks->feed = feed;
	leaks->stream = stream;
	stream__lock(stream);
	heap__watch_ends(feed->heap, take_last_set, leaks);
	stream__unlock(stream);
}

void trace_leaks__watch(struct trace_leaks *leaks, pid_t pid, uint32_t process)
{
	struct leak_target *added = leaks ? calloc(1, sizeof(*added)) : NULL, *gone = NULL;

	if (!added)
		return;
	added->pid = pid;
	added->process = process;
	if (pinned__take(pid, &added->pinned, &added->unpinned))
		log__debug("process %d: %s", (int)pid, added->unpinned.message);
	stream__lock(leaks->stream);
	vec_for_each (target, &leaks->targets)
		if ((*target)->pid == pid) {
			gone = *target;
			*target = added;
		}
	if (!gone && vec_push(&leaks->targets, added))
		gone = added;
	stream__unlock(leaks->stream);
	if (gone)
		free_target(gone);
}

void trace_leaks__take_registers(
	struct trace_leaks *leaks, const struct event_exit_registers *registers)
{
	struct leak_target *target = leaks ? find_target(leaks, registers->header.process) : NULL;
	struct census_thread thread = {
		.tid = registers->header.tid,
		.thread_pointer = registers->thread_pointer,
		.stack_pointer = registers->stack_pointer,
		.register_count = EXIT_REGISTERS,
	};

	if (!target)
		return;
	memcpy(thread.registers, registers->registers, sizeof(registers->registers));
	/* Without memory its stack is taken as a whole. */
	(void)vec_push(&target->threads, thread);
}

void trace_leaks__end(struct trace_leaks *leaks, pid_t pid)
{
	if (!leaks)
		return;
	vec_for_each (at, &leaks->targets) {
		struct leak_target *target = *at;

		if (target->pid != pid || target->has_ended)
			continue;
		target->has_ended = true;
		if (target->pinned)
			target->has_maps = !pinned__smaps(target->pinned, &target->smaps);
	}
}

/* --- processes that run */

static void search_live(struct trace_leaks *leaks, struct leak_target *target)
{
	struct live_source live = {leaks, target->process};
	struct traced_source source = {&live, take_live};
	struct heap_target seen;

	if (heap_target__open(target->pid, &seen, &target->failed))
		return;
	target->looked = !traced_leaks__find(
		&seen.image, &source, CENSUS_LOOKS, &target->found, &target->failed);
	heap_target__close(&seen);
}

void trace_leaks__stop(struct trace_leaks *leaks)
{
	if (leaks)
		leaks->stream = NULL;
}

/* --- those that have ended */

static long read_left(void *context, uint64_t address, void *to, size_t size)
{
	const struct leak_target *target = context;

	return pinned__read(target->pinned, address, to, size);
}

static int left_pages(void *context, uint64_t address, size_t count, uint8_t *states)
{
	const struct leak_target *target = context;

	return heap_target__pages(pinned__pagemap(target->pinned), address, count, states);
}

/* Of a set that does not change any more. */
static int take_left(void *context, struct traced_set *set)
{
	const struct leak_target *target = context;

	set->is_whole = target->set.is_whole;
	if (vec_reserve(&set->blocks, target->set.blocks.size) ||
		vec_reserve(&set->own, target->set.own.size))
		return -ENOMEM;
	vec_for_each (block, &target->set.blocks)
		set->blocks.data[set->blocks.size++] = *block;
	vec_for_each (range, &target->set.own)
		set->own.data[set->own.size++] = *range;
	return 0;
}

static int search_left(struct leak_target *target)
{
	struct traced_source source = {target, take_left};
	struct census_range *ranges = heap_target__ranges(&target->smaps);
	struct census_image image = {
		.memory = {.context = target, .read = read_left, .pages = left_pages},
		.ranges = ranges,
		.range_count = target->smaps.maps.size,
		.threads = target->threads.data,
		.thread_count = target->threads.size,
	};
	int err;

	if (!ranges)
		return error__set(&target->failed, -ENOMEM, "out of memory");
	err = traced_leaks__find(&image, &source, 1, &target->found, &target->failed);
	free(ranges);
	return err;
}

static void search_ended(struct leak_target *target, bool has_set)
{
	if (!target->pinned)
		target->failed = target->unpinned;
	else if (!target->has_maps)
		error__set(&target->failed, -ESRCH,
			"its mappings were gone (before Linux 6.11 its parent can be too quick)");
	else if (!has_set)
		error__set(&target->failed, -ESRCH, "the record of its end was lost");
	else
		target->looked = !search_left(target);
	pinned__release(target->pinned);
	target->pinned = NULL;
	target->is_done = true;
}

/* --- the search */

/* Whether the model has the end of it, of which there is nothing more to come without a stream. */
static bool has_set(const struct trace_leaks *leaks, const struct leak_target *target)
{
	bool has;

	if (!leaks->stream)
		return target->has_set;
	stream__lock(leaks->stream);
	has = target->has_set;
	stream__unlock(leaks->stream);
	return has;
}

void trace_leaks__look(struct trace_leaks *leaks)
{
	if (!leaks)
		return;
	vec_for_each (at, &leaks->targets) {
		struct leak_target *target = *at;
		bool has = has_set(leaks, target);

		/* Of one that runs, the look from before the stream's end stands. */
		if (target->is_done || (target->has_ended ? !has && leaks->stream : !leaks->stream))
			continue;
		traced_leaks__free(&target->found);
		target->found = (struct traced_leaks){0};
		target->failed = (struct error){0};
		target->looked = false;
		if (target->has_ended)
			search_ended(target, has);
		else
			search_live(leaks, target);
	}
}

/* --- the report */

static int add_target(struct report *report, const struct leak_target *target)
{
	if (target->looked)
		return report_leaks__add(report, &target->found);
	if (!target->failed.code)
		return 0;
	return report__note(report, "Process %d was not searched for leaks%s: %s.",
		(int)target->pid, target->has_ended ? " at its end" : "", target->failed.message);
}

int trace_leaks__add_to(struct trace_leaks *leaks, struct report *report)
{
	int err = 0;

	if (!leaks)
		return 0;
	vec_for_each (at, &leaks->targets) {
		err = err ? err : add_target(report, *at);
	}
	return err ? err : report_leaks__list(report, leaks->feed->heap);
}

int trace_leaks__suppress(struct trace_leaks *leaks, struct report *report)
{
	int err = leaks ? suppressions__apply(leaks->suppressions, report) : 0;

	report_leaks__arrange(report);
	if (leaks)
		leaks->definite = report->leaks.sums[REPORT_DEFINITE].count;
	return err;
}

bool trace_leaks__found(const struct trace_leaks *leaks)
{
	return leaks && leaks->definite;
}
