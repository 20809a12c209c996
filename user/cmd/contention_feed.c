/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/contention_feed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "process/process.h"

/* How often it is looked whether processes have ended; their last waits were read before. */
#define ENDED_INTERVAL_NS 1000000000ull

/* A process's mappings are not read more often for code that is not known. */
#define REFRESH_INTERVAL_NS 100000000ull

#define LEAST_RING_SIZE (1ull << 20)
/* A stack with its frames' names, or a row with its place in a table. */
#define ENTRY_BYTES 1024

struct fed_process {
	bool known;
	bool wanted;
	bool gone; /* when last looked: what it sent has been read by the next look */
	uint64_t mm;
	uint64_t taken_ns;
};

/* What a futex word and a stack together are: judged when they are first seen. */
struct fed_lock {
	bool known;
	uint32_t lock;
	enum wait_kind kind;
	bool musl;
};

DEFINE_HASH_NUMBER(fed_processes, uint64_t, struct fed_process);
DEFINE_HASH_NUMBER(judged_map, uint64_t, struct fed_lock);

/* What a futex word is known to be of, by a stack that can be trusted. */
DEFINE_HASH_NUMBER(word_map, uint64_t, uint32_t);

/* A lock of which only stacks without unwind tables told. */
struct guessed_lock {
	uint64_t word; /* key of word_map */
	uint32_t lock;
};

struct contention_feed {
	struct contention_feed_options options;
	struct contention *model;
	struct wait_names *names;
	struct wait_tracer *tracer;
	struct fed_processes processes;
	struct judged_map judged;
	struct word_map words;
	VEC(struct guessed_lock) guesses;
	struct contention_losses losses;
	uint64_t stopped_ns;
	uint64_t looked_ns; /* for processes that have ended */
};

/* --- processes */

static bool is_wanted(struct contention_feed *feed, pid_t pid)
{
	struct look_thread leader = {.pid = pid, .tid = pid};

	if (pid == getpid())
		return false;
	if (!feed->options.all)
		return true;
	if (feed->options.filter->cgroup && watch_filter__refresh(feed->options.filter))
		return false;
	return process__read_comm(pid, leader.comm) &&
	       watch_filter__wants(feed->options.filter, &leader);
}

static void take_process(struct contention_feed *feed, pid_t pid, struct fed_process *process)
{
	process->taken_ns = clock__now_ns();
	wait_names__take(feed->names, pid);
	if (process->mm)
		wait_tracer__refresh(feed->tracer, pid, process->mm);
}

static struct fed_process *find_process(struct contention_feed *feed, pid_t pid)
{
	struct fed_process *process = fed_processes__insert(&feed->processes, pid);

	if (!process) {
		feed->losses.no_memory++;
		return NULL;
	}
	if (process->known)
		return process;
	process->known = true;
	process->wanted = is_wanted(feed, pid);
	if (process->wanted)
		take_process(feed, pid, process);
	else
		wait_tracer__ignore(feed->tracer, pid);
	return process;
}

static void forget(struct contention_feed *feed, pid_t pid)
{
	wait_tracer__drop(feed->tracer, pid);
	wait_names__forget(feed->names, pid);
	fed_processes__remove(&feed->processes, pid, NULL);
}

/* A PID may be used again: by a process with other code, which may be one that is not wanted. */
static void forget_ended(struct contention_feed *feed)
{
	uint64_t now = clock__now_ns();
	VEC(pid_t) ended = {0};

	if (now - feed->looked_ns < ENDED_INTERVAL_NS)
		return;
	feed->looked_ns = now;
	hash_for_each (slot, &feed->processes) {
		bool was_gone = slot->value.gone;

		slot->value.gone = kill(slot->key, 0) && errno == ESRCH;
		/* Without memory it is forgotten a second later. */
		if (was_gone && slot->value.gone && vec_push(&ended, slot->key))
			break;
	}
	vec_for_each (pid, &ended)
		forget(feed, *pid);
	vec_free(&ended);
}

/* --- records */

/* For another stack, or another pair of a stack and a futex word. */
static bool has_room(const struct contention_feed *feed)
{
	return !feed->options.memory_limit ||
	       (feed->losses.stacks + feed->judged.size) * ENTRY_BYTES < feed->options.memory_limit;
}

/* The first frame outside of the C library: what waits, or lets a lock go, on the way into it. */
static size_t find_application(const struct lock_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!functions__is_libc(frames[i].module))
			return i;
	return 0;
}

static void take_stack(void *context, const struct event_stack *record)
{
	struct contention_feed *feed = context;
	struct fed_process *process = find_process(feed, record->header.process);
	struct contention_stack stack = {.count = record->frame_count};
	unsigned int stop = record->header.flags;

	if (!process || !process->wanted || record->frame_count > EVENT_MAX_FRAMES)
		return;
	if (record->header.thread_sequence &&
		clock__now_ns() - process->taken_ns > REFRESH_INTERVAL_NS)
		take_process(feed, record->header.process, process);
	if (has_room(feed))
		stack.frames = wait_names__stack(feed->names, record);
	stack.by_frame_pointer = stop == STACK_NO_TABLES;
	stack.is_cut = stop != STACK_COMPLETE && stop != STACK_END_OF_THREAD;
	if (stack.frames)
		stack.first = find_application(stack.frames, stack.count);
	if (!stack.frames || contention__add_stack(feed->model, record->stack, &stack)) {
		feed->losses.no_memory++;
		return;
	}
	feed->losses.stacks++;
	feed->losses.by_frame_pointer += stack.by_frame_pointer;
	feed->losses.cut += stack.is_cut && !stack.by_frame_pointer;
}

static struct contention_identity identify(const struct lock_wait *wait, pid_t pid)
{
	struct contention_identity out = {
		.key = wait->key,
		.kind = wait->kind,
		.is_loader = wait_names__is_loader(wait),
		.shared = wait->shared,
		.pid = pid,
		.address = wait->address,
	};

	memcpy(out.name, wait->name, sizeof(out.name));
	memcpy(out.module, wait->module, sizeof(out.module));
	return out;
}

/* Of the innermost function alone a wait has one of these kinds, whatever it is for. */
static bool is_vague(enum wait_kind kind)
{
	return kind == WAIT_UNKNOWN || kind == WAIT_LIBC;
}

/*
 * The lock's number. What a stack by frame pointers, or a part of one, cannot tell, others tell
 * that have waited at the same word.
 */
static int64_t find_identity(struct contention_feed *feed, const struct contention_wait *record,
	const struct contention_identity *identity)
{
	uint64_t word = hash_combine(record->uaddr, record->mm);
	uint32_t *known;
	int64_t lock;

	if (identity->is_guess && is_vague(identity->kind)) {
		known = word_map__find(&feed->words, word);
		if (known)
			return *known;
		lock = contention__add_lock(feed->model, identity);
		if (lock >= 0 && vec_push(&feed->guesses, (struct guessed_lock){word, lock}))
			return -ENOMEM;
		return lock;
	}
	lock = contention__add_lock(feed->model, identity);
	if (lock < 0 || identity->kind == WAIT_UNKNOWN)
		return lock;
	known = word_map__insert(&feed->words, word);
	if (!known)
		return -ENOMEM;
	*known = lock;
	return lock;
}

/* Locks that were guessed, and known later. */
static void merge_guesses(struct contention_feed *feed)
{
	vec_for_each (guess, &feed->guesses) {
		const uint32_t *known = word_map__find(&feed->words, guess->word);

		if (known && *known != guess->lock &&
			!contention__lock(feed->model, guess->lock)->is_merged &&
			contention__merge_lock(feed->model, guess->lock, *known))
			feed->losses.no_memory++;
	}
	feed->guesses.size = 0;
}

static int judge(
	struct contention_feed *feed, const struct contention_wait *record, struct fed_lock *out)
{
	const struct contention_stack *known = contention__stack(feed->model, record->stack);
	struct contention_stack stack = known ? *known : (struct contention_stack){0};
	struct contention_identity identity;
	struct judged_wait judged;
	int64_t lock;

	if (wait_names__judge(feed->names, record, stack.frames, stack.count, &judged))
		return -ENOMEM;
	identity = identify(&judged.wait, record->header.process);
	identity.is_guess = !known || known->by_frame_pointer || known->is_cut;
	lock = find_identity(feed, record, &identity);
	if (lock < 0)
		return lock;
	*out = (struct fed_lock){
		true, lock, contention__lock(feed->model, lock)->identity.kind, judged.musl};
	if (!known || judged.wait.site.frame >= stack.count)
		return 0;
	stack.first = judged.wait.site.frame;
	return contention__add_stack(feed->model, record->stack, &stack);
}

static struct fed_lock *find_lock(
	struct contention_feed *feed, const struct contention_wait *record)
{
	uint64_t key = hash_combine(hash_combine(record->stack, record->uaddr), record->mm);
	struct fed_lock *lock = judged_map__find(&feed->judged, key);

	if (!lock && has_room(feed))
		lock = judged_map__insert(&feed->judged, key);

	if (!lock || (!lock->known && judge(feed, record, lock))) {
		feed->losses.no_memory++;
		return NULL;
	}
	return lock;
}

/* The kernel took a stack of whoever the memory seemed to name: only the layout knows. */
static void set_holder(const struct contention_wait *record, const struct fed_lock *lock,
	struct contention_wait_facts *wait)
{
	uint32_t owner = wait_names__owner(record, lock->kind, lock->musl);
	bool agrees = owner && owner == record->owner;

	if (agrees)
		wait->holder_tid = record->owner_tid;
	if (record->header.flags & CONTENTION_HOLDER_AT_RELEASE) {
		wait->moment = HOLDER_AT_RELEASE;
		wait->holder_stack = record->holder_stack;
		if (!agrees)
			wait->holder_tid = record->waker_tid;
	} else if (record->header.flags & CONTENTION_HOLDER_AT_BEGIN && agrees) {
		wait->moment = HOLDER_AT_BEGIN;
		wait->holder_stack = record->holder_stack;
	}
}

static void take_wait(void *context, const struct contention_wait *record)
{
	struct contention_feed *feed = context;
	struct fed_process *process = find_process(feed, record->header.process);
	struct contention_wait_facts wait;
	struct fed_lock *lock;

	if (!process || !process->wanted)
		return;
	if (process->mm != record->mm) {
		bool is_first = !process->mm && !feed->options.all;

		process->mm = record->mm;
		/* That of a process that was asked for has its tables already. */
		if (!is_first) {
			wait_names__forget(feed->names, record->header.process);
			take_process(feed, record->header.process, process);
		}
	}
	lock = find_lock(feed, record);
	if (!lock)
		return;
	if (!record->header.time_ns) {
		contention__add_open(
			feed->model, lock->lock, true, feed->stopped_ns - record->begin_ns);
		return;
	}
	wait = (struct contention_wait_facts){
		.lock = lock->lock,
		.pid = record->header.process,
		.tid = record->header.tid,
		.comm = record->comm,
		.begin_ns = record->begin_ns,
		.end_ns = record->header.time_ns,
		.stack = record->stack,
	};
	set_holder(record, lock, &wait);
	if (contention__add_wait(feed->model, &wait))
		feed->losses.no_memory++;
}

/* --- life */

/* Resident twice over, as any ring is: a sixteenth of what the model may take, in each mapping. */
static uint64_t ring_size(uint64_t memory_limit)
{
	uint64_t size = WAIT_RING_SIZE;

	while (memory_limit && size > LEAST_RING_SIZE && size > memory_limit / 16)
		size /= 2;
	return size;
}

int contention_feed__new(const struct contention_feed_options *options,
	struct contention_feed **out, struct error *error)
{
	struct wait_tracer_options tracer = {
		.namespace_level = options->namespace_level,
		.all = options->all,
		.ring_size = ring_size(options->memory_limit),
	};
	struct contention_feed *feed = calloc(1, sizeof(*feed));
	struct wait_handlers handlers = {take_stack, take_wait, feed};
	int err = 0;

	if (feed) {
		feed->options = *options;
		feed->model = contention__new();
		feed->names = wait_names__new(options->lines, error);
	}
	if (!feed || !feed->model || !feed->names)
		err = error__set(error, -ENOMEM, "out of memory");
	if (!err)
		err = wait_tracer__new(&tracer, &handlers, &feed->tracer, error);
	if (err) {
		contention_feed__free(feed);
		return err;
	}
	*out = feed;
	return 0;
}

void contention_feed__free(struct contention_feed *feed)
{
	if (!feed)
		return;
	wait_tracer__free(feed->tracer);
	contention__free(feed->model);
	wait_names__free(feed->names);
	fed_processes__free(&feed->processes);
	judged_map__free(&feed->judged);
	word_map__free(&feed->words);
	vec_free(&feed->guesses);
	free(feed);
}

int contention_feed__add(struct contention_feed *feed, pid_t pid, struct error *error)
{
	if (!find_process(feed, pid))
		return error__set(error, -ENOMEM, "out of memory");
	return wait_tracer__add(feed->tracer, pid, error);
}

int contention_feed__start(struct contention_feed *feed, struct error *error)
{
	wait_tracer__ignore(feed->tracer, getpid());
	return wait_tracer__start(feed->tracer, error);
}

int contention_feed__fd(const struct contention_feed *feed)
{
	return wait_tracer__fd(feed->tracer);
}

void contention_feed__read(struct contention_feed *feed)
{
	wait_tracer__read(feed->tracer);
	forget_ended(feed);
}

int contention_feed__add_open(struct contention_feed *feed, const struct lock_wait *wait)
{
	struct fed_process *process = find_process(feed, wait->thread->pid);
	struct contention_identity identity = identify(wait, wait->thread->pid);
	int64_t lock;

	if (!process || !process->wanted)
		return 0;
	lock = contention__add_lock(feed->model, &identity);
	if (lock < 0)
		return lock;
	contention__add_open(feed->model, lock, false, 0);
	return 0;
}

void contention_feed__stop(struct contention_feed *feed)
{
	wait_tracer__stop(feed->tracer);
	feed->stopped_ns = clock__now_ns();
	wait_tracer__read(feed->tracer);
	wait_tracer__read_open(feed->tracer);
	merge_guesses(feed);
}

struct contention *contention_feed__model(struct contention_feed *feed)
{
	return feed->model;
}

void contention_feed__losses(const struct contention_feed *feed, struct contention_losses *out)
{
	struct contention_counters counters;

	*out = feed->losses;
	if (wait_tracer__count(feed->tracer, &counters))
		return;
	out->seen = counters.seen;
	out->not_noted = counters.no_memory;
	out->ring_full = counters.ring_full;
	out->stacks_lost = counters.stack_ring_full;
}
