/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/infer.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "locks/forked.h"
#include "locks/holders.h"
#include "locks/qt_thread.h"

/* The most of a once frame's stack that is searched for the once word's address. */
#define ONCE_FRAME_BYTES 4096

struct search {
	const struct snapshot *snapshot;
	const struct lock_memory *memory;
	struct lock_waits *waits;
};

/*
 * The first frame of @thread that may show it inside something of @kind: what it waits in itself
 * does not count.
 */
static size_t first_frame_inside(
	const struct search *search, const struct lock_thread *thread, enum wait_kind kind)
{
	const struct lock_wait *wait = waits__of(search->waits, thread);
	size_t frame = wait ? wait->site.frame : 0;

	if (!wait || frame >= thread->frame_count)
		return 0;
	return wait->kind == kind ? frame + 1 : frame;
}

static const char *frame_name(const struct lock_frame *frame)
{
	return frame->function ? frame->function : "a function without a name";
}

static void set_inferred(struct lock_wait *wait, const struct lock_thread *owner)
{
	wait->owner = owner;
	wait->certainty = CERTAINTY_INFERRED;
}

/*
 * Whether the call that @caller made has the address of the once word on its own frame: glibc and
 * musl keep it in a cleanup handler's buffer, Rust in a guard.
 */
static bool holds_once_word(
	const struct search *search, const struct lock_thread *thread, size_t caller, uint64_t word)
{
	uint64_t stack[ONCE_FRAME_BYTES / 8];
	uint64_t end = thread->frames[caller].slot;
	uint64_t start = thread->frames[caller - 1].slot;
	size_t size;

	if (!start || end <= start)
		return false;
	if (end - start > sizeof(stack))
		start = end - sizeof(stack);
	size = (end - start) & ~7ull;
	if (search->memory->read(search->memory->context, thread->pid, start, stack, size))
		return false;
	for (size_t i = 0; i < size / 8; i++)
		if (stack[i] == word)
			return true;
	return false;
}

/* The frame from which @thread runs the initializer of @wait's once word; frame_count: none. */
static size_t find_once_frame(
	const struct search *search, const struct lock_thread *thread, const struct lock_wait *wait)
{
	size_t i = first_frame_inside(search, thread, WAIT_ONCE);

	for (;; i++) {
		i = wait_site__find_caller(thread, i, WAIT_ONCE);
		if (i >= thread->frame_count || holds_once_word(search, thread, i, wait->address))
			return i;
	}
}

static void infer_once(const struct search *search, struct lock_wait *wait)
{
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, wait->thread->pid, &count);

	for (size_t i = 0; i < count; i++) {
		size_t frame = find_once_frame(search, &threads[i], wait);

		if (frame >= threads[i].frame_count)
			continue;
		set_inferred(wait, &threads[i]);
		wait__explain(wait,
			"the owner's stack is already inside the initializer: %s called it",
			frame_name(&threads[i].frames[frame]));
		return;
	}
}

/*
 * The function that has the static variable calls __cxa_guard_acquire, then the initializer. A
 * thread that is in that function behind its own acquire runs the initializer.
 */
static void infer_guard(const struct search *search, struct lock_wait *wait)
{
	const struct lock_thread *waiter = wait->thread, *found = NULL;
	const struct lock_frame *asker;
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, waiter->pid, &count);

	if (wait->site.frame >= waiter->frame_count)
		return;
	asker = &waiter->frames[wait->site.frame];
	for (size_t i = 0; i < count; i++) {
		size_t n = first_frame_inside(search, &threads[i], WAIT_GUARD);

		for (; n < threads[i].frame_count; n++)
			if (lock_frame__same_function(&threads[i].frames[n], asker) &&
				threads[i].frames[n].pc > asker->pc)
				break;
		if (n >= threads[i].frame_count)
			continue;
		if (found)
			return; /* the function has several statics, or is past this one */
		found = &threads[i];
	}
	if (!found)
		return;
	set_inferred(wait, found);
	wait__explain(
		wait, "the owner's stack is inside the initializer that %s runs", asker->function);
}

/* The wait's own frames in malloc: calloc may call malloc. */
static size_t skip_malloc(const struct lock_thread *thread, size_t frame)
{
	for (; frame < thread->frame_count; frame++) {
		const struct lock_frame *at = &thread->frames[frame];
		enum wait_kind kind;

		if (functions__role(at->function, &kind) != ROLE_MALLOC &&
			(at->function || !functions__is_libc(at->module)))
			break;
	}
	return frame;
}

/* One thread alone inside malloc, and not waiting for its lock there, has it. */
static void infer_arena(const struct search *search, struct lock_wait *wait)
{
	const struct lock_thread *found = NULL;
	size_t found_frame = 0, count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, wait->thread->pid, &count);
	/* In a static program malloc is the program's own. */
	const char *module = wait->thread->frames[wait->site.frame].module;

	for (size_t i = 0; i < count; i++) {
		const struct lock_wait *other = waits__of(search->waits, &threads[i]);
		size_t from = 0, frame;

		if (other && other->site.frame < threads[i].frame_count)
			from = other->site.frame;
		if (other && other->kind == WAIT_ARENA)
			from = skip_malloc(&threads[i], from);
		frame = wait_site__find_malloc(&threads[i], from, module);
		if (frame >= threads[i].frame_count)
			continue;
		if (found)
			return;
		found = &threads[i];
		found_frame = frame;
	}
	if (!found)
		return;
	set_inferred(wait, found);
	wait__explain(
		wait, "the only thread inside malloc: %s", frame_name(&found->frames[found_frame]));
}

/*
 * A function of the C library that is entered again while it is on the stack, as by a signal's
 * handler that calls what it must not: what it waits for it has itself.
 */
static void infer_reentered(struct lock_wait *wait)
{
	const struct lock_thread *thread = wait->thread;
	size_t first = 0;
	enum wait_kind kind;

	while (first < thread->frame_count &&
		functions__role(thread->frames[first].function, &kind) == ROLE_BELOW)
		first++;
	for (size_t i = first + 2; i < thread->frame_count; i++) {
		if (!lock_frame__same_function(&thread->frames[first], &thread->frames[i]))
			continue;
		set_inferred(wait, thread);
		wait__explain(wait, "%s is already on its stack and was entered again",
			thread->frames[i].function);
		return;
	}
}

/* Writers queue: one waits for the readers to go, the others for that one. */
static void infer_next_writer(const struct search *search, struct lock_wait *wait)
{
	for (size_t i = 0; i < search->waits->size; i++) {
		struct lock_wait *other = &search->waits->data[i];

		if (other == wait || other->kind != WAIT_WRITE_LOCK ||
			other->state.field == OWNER_WRITER_WAITS ||
			!lock_key__equal(&other->key, &wait->key))
			continue;
		set_inferred(wait, other->thread);
		wait__explain(wait, "that writer is next in line and waits for the readers");
		return;
	}
}

/* Where writers go first, a reader waits behind the first of them while others read. */
static void infer_writer_ahead(const struct search *search, struct lock_wait *wait)
{
	for (size_t i = 0; i < search->waits->size; i++) {
		struct lock_wait *other = &search->waits->data[i];

		if (other->kind != WAIT_WRITE_LOCK || !lock_key__equal(&other->key, &wait->key))
			continue;
		set_inferred(wait, other->thread);
		wait__explain(wait, "that writer came first and waits for the readers, and this "
				    "lock lets writers go first");
		return;
	}
}

/* --- readers: whoever of the process has the lock, all of them wait for the one that asks. */

/* Where the chain of owners from @thread ends; NULL where it comes to a timed wait or a circle. */
static const struct lock_thread *chain_end(
	const struct search *search, const struct lock_thread *thread)
{
	for (size_t steps = 0; steps <= search->waits->size; steps++) {
		const struct lock_wait *wait = waits__of(search->waits, thread);

		if (!wait || !wait->owner)
			return thread;
		if (wait->futex.timed)
			return NULL;
		thread = wait->owner;
	}
	return NULL;
}

/* Whether @thread waits for the same lock as @wait, with nothing else in the way. */
static bool waits_too(
	const struct search *search, const struct lock_thread *thread, const struct lock_wait *wait)
{
	const struct lock_wait *other = waits__of(search->waits, thread);

	return other && !other->futex.timed && lock_key__equal(&other->key, &wait->key);
}

static bool all_wait_for(const struct search *search, const struct lock_wait *wait)
{
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, wait->thread->pid, &count);

	for (size_t i = 0; i < count; i++) {
		const struct lock_thread *end = chain_end(search, &threads[i]);

		if (!end || (end != wait->thread && !waits_too(search, end, wait)))
			return false;
	}
	return true;
}

/*
 * Another thread that waits for the lock while it may still read, the likelier of the candidates:
 * one that wants to read again, else, of several readers, the next that wants to write.
 */
static const struct lock_thread *likely_reader(
	const struct search *search, const struct lock_wait *wait)
{
	const struct lock_wait *next = wait;

	for (size_t i = 0; i < search->waits->size; i++) {
		const struct lock_wait *other = &search->waits->data[i];

		if (other == wait || !lock_key__equal(&other->key, &wait->key))
			continue;
		if (other->kind == WAIT_READ_LOCK)
			return other->thread;
		if (next == wait || (next < wait && other > wait))
			next = other;
	}
	return wait->state.readers > 1 ? next->thread : wait->thread;
}

static void infer_readers(const struct search *search, struct lock_wait *wait)
{
	const struct lock_process *process = snapshot__process(search->snapshot, wait->thread->pid);
	uint32_t readers = wait->state.readers;
	size_t count;

	snapshot__threads_of(search->snapshot, wait->thread->pid, &count);
	if (wait->shared || wait->futex.timed || !all_wait_for(search, wait))
		return;
	/* A thread that the fork did not copy may have read just as well. */
	if (forked__left_threads(process))
		return;
	set_inferred(wait, likely_reader(search, wait));
	if (count == 1)
		wait__explain(wait, "%u read lock%s held, and the process has no other thread",
			readers, readers == 1 ? " is" : "s are");
	else
		wait__explain(wait,
			"%u read lock%s held; each of the %zu threads that could hold one waits, "
			"in the end, for this lock",
			readers, readers == 1 ? " is" : "s are", count);
}

static void infer_one(const struct search *search, struct lock_wait *wait)
{
	if (wait->kind == WAIT_ONCE)
		infer_once(search, wait);
	else if (wait->kind == WAIT_GUARD)
		infer_guard(search, wait);
	else if (wait->kind == WAIT_JOIN)
		qt_thread__infer(search->snapshot, search->memory, wait);
	else if (wait->kind == WAIT_ARENA)
		infer_arena(search, wait);
	else if (wait->kind == WAIT_LIBC)
		infer_reentered(wait);
	else if (wait->state.field == OWNER_WRITER_WAITS)
		infer_next_writer(search, wait);
	else if (wait->kind == WAIT_READ_LOCK && wait->state.field == OWNER_READERS)
		infer_writer_ahead(search, wait);
}

/* The first wait for each lock, as index + 1: thousands that wait for one lock are one question. */
DEFINE_HASH(answered, struct lock_key, size_t, lock_key__hash, lock_key__same);

static int infer_like_first(
	const struct search *search, struct answered *answered, struct lock_wait *wait)
{
	size_t *first = answered__insert(answered, wait->key);
	const struct lock_wait *known;

	if (!first)
		return -ENOMEM;
	known = *first ? &search->waits->data[*first - 1] : NULL;
	if (!known || known->kind != wait->kind || known->state.field != wait->state.field) {
		infer_one(search, wait);
		*first = wait - search->waits->data + 1;
	} else if (known->owner) {
		set_inferred(wait, known->owner);
		wait__explain(wait, "%s", known->reason);
	}
	return 0;
}

int infer__owners(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_waits *waits)
{
	struct search search = {snapshot, memory, waits};

	struct answered answered = {0};
	int err = 0;

	for (size_t i = 0; i < waits->size && !err; i++)
		if (!waits->data[i].owner && !waits->data[i].owner_dead)
			err = infer_like_first(&search, &answered, &waits->data[i]);
	answered__free(&answered);
	if (!err)
		err = holders__find(snapshot, memory, waits);
	/* By elimination, when all that can be known of the others is known. */
	for (size_t i = 0; i < waits->size; i++)
		if (!waits->data[i].owner && waits->data[i].state.field == OWNER_READERS)
			infer_readers(&search, &waits->data[i]);
	return err;
}
