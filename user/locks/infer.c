#include "locks/infer.h"

#include "base/hash.h"

#include <errno.h>
#include <string.h>

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
	if (wait->kind != kind)
		return frame;
	/* calloc may call malloc: the wait ends where the C library was called. */
	while (kind == WAIT_ARENA && frame < thread->frame_count &&
		functions__is_libc(thread->frames[frame].module))
		frame++;
	return frame + 1;
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
 * pthread_once keeps the address of its control word in its own frame (glibc: in the cleanup
 * handler's buffer), which lies below the frame of its caller. Whether it is there.
 */
static bool holds_once_word(
	const struct search *search, const struct lock_thread *thread, size_t caller, uint64_t word)
{
	uint64_t stack[ONCE_FRAME_BYTES / 8];
	uint64_t end = thread->frames[caller].slot;
	uint64_t start = thread->frames[caller > 3 ? caller - 3 : 0].slot;
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
		i = functions__find_call(thread, i, WAIT_ONCE);
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

/* Whether two frames are in the same function. */
static bool same_function(const struct lock_frame *a, const struct lock_frame *b)
{
	return a->function && b->function &&
	       a->pc - a->function_offset == b->pc - b->function_offset;
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
			if (same_function(&threads[i].frames[n], asker) &&
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

/* One thread alone inside malloc, and not waiting for its lock there, has it. */
static void infer_arena(const struct search *search, struct lock_wait *wait)
{
	const struct lock_thread *found = NULL;
	size_t found_frame = 0, count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, wait->thread->pid, &count);

	for (size_t i = 0; i < count; i++) {
		size_t from = first_frame_inside(search, &threads[i], WAIT_ARENA);
		size_t frame = functions__find_call(&threads[i], from, WAIT_ARENA);

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

static bool all_wait_for(const struct search *search, const struct lock_thread *thread)
{
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(search->snapshot, thread->pid, &count);

	for (size_t i = 0; i < count; i++)
		if (chain_end(search, &threads[i]) != thread)
			return false;
	return true;
}

/* Another thread that waits to write while it may still read: the likelier of the candidates. */
static const struct lock_thread *other_upgrader(
	const struct search *search, const struct lock_wait *wait)
{
	for (size_t i = 0; i < search->waits->size; i++) {
		const struct lock_wait *other = &search->waits->data[i];

		if (other != wait && other->kind == WAIT_WRITE_LOCK &&
			lock_key__equal(&other->key, &wait->key))
			return other->thread;
	}
	return wait->thread;
}

static void infer_readers(const struct search *search, struct lock_wait *wait)
{
	size_t count;

	snapshot__threads_of(search->snapshot, wait->thread->pid, &count);
	if (wait->shared || wait->futex.timed || !all_wait_for(search, wait->thread))
		return;
	if (count == 1) {
		set_inferred(wait, wait->thread);
		wait__explain(wait, "%u read lock is held, and the process has no other thread",
			wait->state.readers);
		return;
	}
	set_inferred(wait, wait->state.readers > 1 ? other_upgrader(search, wait) : wait->thread);
	wait__explain(wait,
		"%u read lock(s) held; each of the %zu threads that could hold one waits, in the "
		"end, for this one",
		wait->state.readers, count);
}

static void infer_one(const struct search *search, struct lock_wait *wait)
{
	if (wait->kind == WAIT_ONCE)
		infer_once(search, wait);
	else if (wait->kind == WAIT_GUARD)
		infer_guard(search, wait);
	else if (wait->kind == WAIT_ARENA)
		infer_arena(search, wait);
	else if (wait->state.field == OWNER_WRITER_WAITS)
		infer_next_writer(search, wait);
}

static inline uint64_t key_hash(struct lock_key key)
{
	return hash_combine(hash_combine(key.space, key.inode), key.offset);
}

static inline bool key_equal(struct lock_key a, struct lock_key b)
{
	return lock_key__equal(&a, &b);
}

/* The first wait for each lock, as index + 1: thousands that wait for one lock are one question. */
DEFINE_HASH(answered, struct lock_key, size_t, key_hash, key_equal);

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
	int rc = 0;

	for (size_t i = 0; i < waits->size && !rc; i++)
		if (!waits->data[i].owner && !waits->data[i].owner_dead)
			rc = infer_like_first(&search, &answered, &waits->data[i]);
	answered__free(&answered);
	/* By elimination, when all that can be said of the others has been said. */
	for (size_t i = 0; i < waits->size; i++)
		if (!waits->data[i].owner && waits->data[i].state.field == OWNER_READERS)
			infer_readers(&search, &waits->data[i]);
	return rc;
}
