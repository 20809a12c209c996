/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/evidence.h"
#include "locks/forked.h"
#include "locks/hotspot.h"
#include "locks/hung.h"

/* Candidates that a reason names. */
#define NAMED_CANDIDATES 3

struct holder_search {
	const struct snapshot *snapshot;
	struct lock_waits *waits;
	pid_t pid;
	evidence_list evidence;
	bool closed;   /* the whole process waits */
	bool runs;     /* a thread of it runs: its frames are not known, and it may hold anything */
	bool *visited; /* of each wait, while a chain is followed */
};

/* Whether the owner of @wait is a question that evidence can answer. */
static bool is_open(const struct lock_wait *wait)
{
	return !wait->owner && !wait->owner_dead && !wait->shared && !wait->futex.timed &&
	       wait_kind__has_holder(wait->kind) && wait->kind != WAIT_JOIN &&
	       wait->kind != WAIT_VECTOR &&
	       (wait->state.field == OWNER_NONE || wait->state.field == OWNER_READERS);
}

static const struct lock_wait *wait_of(
	const struct holder_search *search, const struct lock_thread *thread)
{
	return waits__of(search->waits, thread);
}

/* The strongest evidence alone counts; where others could go on, nothing weak does. */
static size_t find_candidates(const struct holder_search *search, const struct lock_wait *wait,
	const struct evidence **first)
{
	/* Locks of Python and Java are small objects one beside the other: what points near one
	 * means another. */
	bool is_object = wait->kind == WAIT_PYTHON_LOCK || wait->kind == WAIT_PYTHON_RLOCK ||
			 (wait->kind == WAIT_RUNTIME && hotspot__is_java(wait->thread));
	enum evidence_kind least =
		search->closed && !is_object ? EVIDENCE_OBJECT : EVIDENCE_AT_HAND;
	size_t count, kept = 0, begin = evidence__of(&search->evidence, wait->address, &count);

	*first = search->evidence.data + begin;
	while (kept < count && (*first)[kept].kind == (*first)->kind && (*first)->kind >= least)
		kept++;
	return kept;
}

static bool waits_for(const struct holder_search *search, const struct lock_thread *thread,
	const struct lock_wait *wait)
{
	const struct lock_wait *other = wait_of(search, thread);

	return other && lock_key__equal(&other->key, &wait->key);
}

/* Whether @thread waits, in the end, for the lock of @target: along owners, and along those who may
 * hold what names no owner. */
static bool leads_to(struct holder_search *search, const struct lock_thread *thread,
	const struct lock_wait *target)
{
	const struct lock_wait *wait = wait_of(search, thread);
	const struct evidence *candidates;
	size_t count;

	if (!wait || wait->futex.timed)
		return false;
	if (lock_key__equal(&wait->key, &target->key))
		return true;
	if (search->visited[wait - search->waits->data])
		return false;
	search->visited[wait - search->waits->data] = true;
	if (wait->owner)
		return leads_to(search, wait->owner, target);
	count = is_open(wait) ? find_candidates(search, wait, &candidates) : 0;
	for (size_t i = 0; i < count; i++)
		if (!waits_for(search, candidates[i].thread, wait) &&
			leads_to(search, candidates[i].thread, target))
			return true;
	return false;
}

static bool is_in_chain(struct holder_search *search, const struct lock_thread *thread,
	const struct lock_wait *target)
{
	memset(search->visited, 0, search->waits->size + 1);
	return leads_to(search, thread, target);
}

static void set_holder(const struct holder_search *search, struct lock_wait *wait,
	const struct lock_thread *thread)
{
	wait->owner = thread;
	wait->certainty = search->closed ? CERTAINTY_INFERRED : CERTAINTY_SUSPECTED;
}

/* "suspected, the lock's address is in its frames: reader". */
static void explain(const struct holder_search *search, struct lock_wait *wait,
	const struct evidence *evidence, size_t others)
{
	static const char *const known[] = {
		[EVIDENCE_OBJECT] = "a pointer to what the lock lies in is in its frames",
		[EVIDENCE_NAMED] = "the lock's address is in the code of its frames",
		[EVIDENCE_AT_HAND] = "the lock's address is in its frames",
		[EVIDENCE_TAKEN] = "the lock's address is in its frames, whose code takes it",
	};
	const struct lock_frame *frame = evidence->frame < evidence->thread->frame_count
						 ? &evidence->thread->frames[evidence->frame]
						 : NULL;
	char where[96] = "", more[64] = "";

	if (frame && frame->function)
		snprintf(where, sizeof(where), ": %.80s", frame->function);
	if (others)
		snprintf(more, sizeof(more), "; the same is true of %zu other%s", others,
			others == 1 ? "" : "s");
	wait__explain(wait, "%s%s%s%s", search->closed ? "" : "suspected, ", known[evidence->kind],
		where, more);
}

/* "one of: a (TID 1), b (TID 2)". */
static void explain_several(struct lock_wait *wait, const struct evidence *candidates, size_t count)
{
	char list[WAIT_REASON_SIZE] = "";
	size_t length = 0;

	for (size_t i = 0; i < count && i < NAMED_CANDIDATES; i++)
		length += snprintf(list + length, sizeof(list) - length, "%s%s (TID %d)",
			i ? ", " : "", candidates[i].thread->comm, candidates[i].thread->tid);
	if (count > NAMED_CANDIDATES)
		snprintf(list + length, sizeof(list) - length, " or %zu more",
			count - NAMED_CANDIDATES);
	wait__explain(wait, "one of: %s: the lock's address is in their frames", list);
}

/* Of the @count candidates one that closes a cycle: rather one that waits for a lock than one that
 * joins. *chained: how many do. */
static const struct evidence *choose(struct holder_search *search, const struct lock_wait *wait,
	const struct evidence *candidates, size_t count, size_t *chained)
{
	const struct evidence *best = NULL;

	*chained = 0;
	for (size_t i = 0; i < count; i++) {
		const struct lock_wait *other = wait_of(search, candidates[i].thread);

		if (waits_for(search, candidates[i].thread, wait) ||
			!is_in_chain(search, candidates[i].thread, wait))
			continue;
		++*chained;
		if (!best || (wait_of(search, best->thread)->kind == WAIT_JOIN &&
				     other->kind != WAIT_JOIN))
			best = &candidates[i];
	}
	return best;
}

/*
 * Of those who wait for the lock of @wait, the one whose code has taken it before and has not
 * released it; of several readers, one other than the waiter. NULL: none, or others know the
 * lock.
 */
static const struct lock_thread *find_retaker(
	const struct holder_search *search, const struct lock_wait *wait)
{
	size_t count, first = evidence__of(&search->evidence, wait->address, &count), found = 0;
	const struct lock_thread *retaker = NULL;

	for (size_t i = first; i < first + count; i++) {
		const struct evidence *evidence = &search->evidence.data[i];

		if (!waits_for(search, evidence->thread, wait)) {
			if (evidence->kind >= (search->closed ? EVIDENCE_TAKEN : EVIDENCE_NAMED))
				return NULL;
		} else if (evidence->takes > 1) {
			found++;
			if (!retaker || retaker == wait->thread)
				retaker = evidence->thread;
		}
	}
	return found < 2 || (wait->state.field == OWNER_READERS && wait->state.readers >= found)
		       ? retaker
		       : NULL;
}

/* A lock that is taken again by who has it: as long as nobody runs whose frames are not known. */
static void ask_retaker(struct holder_search *search, struct lock_wait *wait)
{
	const struct lock_thread *retaker = NULL;

	if (search->closed || (!search->runs && wait->kind != WAIT_UNKNOWN))
		retaker = find_retaker(search, wait);
	if (!retaker)
		return;
	set_holder(search, wait, retaker);
	wait__explain(wait, "%sits code takes the lock twice, and no other thread's knows it",
		search->closed ? "" : "suspected, ");
}

static void ask_evidence(struct holder_search *search, struct lock_wait *wait)
{
	const struct evidence *candidates, *best;
	size_t chained, count = find_candidates(search, wait, &candidates);

	if (!count) {
		if (!search->closed)
			ask_retaker(search, wait);
		return;
	}
	best = choose(search, wait, candidates, count, &chained);
	/* Where some thread may release the lock, no cycle is reported. */
	if (best && (search->closed || (chained == count && !search->runs))) {
		set_holder(search, wait, best->thread);
		explain(search, wait, best, chained - 1);
	} else if (count == 1 && candidates->kind == EVIDENCE_TAKEN && wait->kind != WAIT_UNKNOWN &&
		   !search->closed && !search->runs) {
		set_holder(search, wait, candidates->thread);
		explain(search, wait, candidates, 0);
	} else if (!search->closed) {
		explain_several(wait, candidates, count);
	}
}

/* --- by elimination, in a process that waits whole and of which nobody knows the lock */

/* The only thread that waits, for another lock and not as a joiner, for whoever waits for this one;
 * *several: there are more, or joiners. */
static const struct lock_thread *find_only(
	struct holder_search *search, const struct lock_wait *wait, bool *several)
{
	const struct lock_thread *found = NULL;
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, search->pid, &count);

	*several = false;
	for (size_t i = 0; i < count; i++) {
		const struct lock_wait *other = wait_of(search, &threads[i]);

		if (!other || waits_for(search, &threads[i], wait) ||
			!is_in_chain(search, &threads[i], wait))
			continue;
		if (found || other->kind == WAIT_JOIN)
			*several = true;
		if (other->kind != WAIT_JOIN)
			found = &threads[i];
	}
	return found;
}

static bool has_ended(const struct lock_thread *thread)
{
	return thread->state == 'Z' || thread->state == 'X';
}

/* Whether the thread that waits is the only one that can have the lock: one of a language, which is
 * not a semaphore by another name, and that no thread of the parent may have taken before a fork.
 */
static bool is_alone(const struct holder_search *search, const struct lock_wait *wait)
{
	const struct lock_process *process = snapshot__process(search->snapshot, search->pid);
	size_t count, alive = 0;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, search->pid, &count);

	for (size_t i = 0; i < count; i++)
		alive += !has_ended(&threads[i]);
	return alive == 1 && wait->kind == WAIT_RUNTIME && !forked__left_threads(process);
}

static void eliminate(struct holder_search *search, struct lock_wait *wait)
{
	bool several;
	const struct lock_thread *only = find_only(search, wait, &several);

	if (!only && is_alone(search, wait)) {
		set_holder(search, wait, wait->thread);
		wait__explain(wait, "the process has no other thread");
		return;
	}
	if (only && !several) {
		set_holder(search, wait, only);
		wait__explain(wait, "every thread of the process waits, and only this one waits "
				    "for this lock by way of others");
		return;
	}
	ask_retaker(search, wait);
}

/* --- */

static int compare_addresses(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The locks of the process that name no owner, each once. */
static size_t list_locks(const struct holder_search *search, uint64_t *addresses)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < search->waits->size; i++)
		if (search->waits->data[i].thread->pid == search->pid &&
			is_open(&search->waits->data[i]))
			addresses[count++] = search->waits->data[i].address;
	if (count)
		qsort(addresses, count, sizeof(*addresses), compare_addresses);
	for (size_t i = 0; i < count; i++)
		if (!kept || addresses[kept - 1] != addresses[i])
			addresses[kept++] = addresses[i];
	return kept;
}

static void look_at_threads(struct holder_search *search)
{
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, search->pid, &count);

	search->closed = hung__is_closed(search->snapshot, search->waits, search->pid);
	search->runs = false;
	for (size_t i = 0; i < count; i++)
		search->runs |= threads[i].state == 'R' ||
				(!threads[i].frame_count && !has_ended(&threads[i]));
}

/* The answer for one waiter of a lock is that for all that wait alike. */
static void copy_answer(const struct holder_search *search, const struct lock_wait *answered)
{
	for (size_t i = 0; i < search->waits->size; i++) {
		struct lock_wait *wait = &search->waits->data[i];

		if (wait == answered || !is_open(wait) || wait->kind != answered->kind ||
			wait->state.field != answered->state.field ||
			!lock_key__equal(&wait->key, &answered->key))
			continue;
		wait->owner = answered->owner;
		wait->certainty = answered->certainty;
		wait__explain(wait, "%s", answered->reason);
	}
}

static void answer(struct holder_search *search, const uint64_t *addresses, size_t count,
	void (*ask)(struct holder_search *search, struct lock_wait *wait))
{
	for (size_t n = 0; n < count; n++) {
		struct lock_wait *wait = NULL;

		for (size_t i = 0; i < search->waits->size && !wait; i++)
			if (search->waits->data[i].thread->pid == search->pid &&
				search->waits->data[i].address == addresses[n] &&
				is_open(&search->waits->data[i]))
				wait = &search->waits->data[i];
		if (!wait)
			continue;
		ask(search, wait);
		if (wait->owner)
			copy_answer(search, wait);
	}
}

static int find_in_process(
	struct holder_search *search, const struct lock_memory *memory, uint64_t *addresses)
{
	size_t count = list_locks(search, addresses);
	int err;

	if (!count)
		return 0;
	look_at_threads(search);
	err = evidence__find(search->snapshot, memory, search->waits, search->pid, addresses, count,
		&search->evidence);
	if (!err) {
		answer(search, addresses, count, ask_evidence);
		if (search->closed)
			answer(search, addresses, count, eliminate);
	}
	vec_free(&search->evidence);
	return err;
}

int holders__find(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_waits *waits)
{
	struct holder_search search = {.snapshot = snapshot, .waits = waits};
	uint64_t *addresses = calloc(waits->size + 1, sizeof(*addresses));
	int err;

	search.visited = calloc(waits->size + 1, sizeof(*search.visited));
	err = addresses && search.visited ? 0 : -ENOMEM;
	for (size_t i = 0; i < snapshot->process_count && !err; i++) {
		search.pid = snapshot->processes[i].pid;
		err = find_in_process(&search, memory, addresses);
	}
	free(addresses);
	free(search.visited);
	return err;
}
