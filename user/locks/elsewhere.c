/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/elsewhere.h"

#include <string.h>

#include "locks/at_hand.h"

static const struct lock_thread *find_number(
	const struct snapshot *snapshot, pid_t pid, uint32_t number)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &count);

	for (size_t i = 0; i < count; i++)
		if ((uint32_t)threads[i].ns_tid == number)
			return &threads[i];
	return NULL;
}

/* --- PI mutexes */

/* How well a mutex explains that the kernel refused it. */
enum fit { FIT_NONE, FIT_OTHER, FIT_OWN, FIT_CYCLE };

static enum fit judge_fit(const struct snapshot *snapshot, const struct lock_thread *waiter,
	const struct lock_state *state)
{
	const struct lock_thread *owner = find_number(snapshot, waiter->pid, state->owner);
	struct futex_wait futex;

	if (state->pi && state->field == OWNER_DIED)
		return FIT_OTHER;
	if (!state->pi || state->field != OWNER_TID)
		return FIT_NONE;
	if (owner == waiter)
		return FIT_OWN;
	/* The kernel follows owners through PI locks alone. */
	if (owner && futex__decode(owner, &futex) && futex.type == FUTEX_TYPE_PI)
		return FIT_CYCLE;
	return FIT_OTHER;
}

/* The function may hold the mutex' address or that of its kind: 16 bytes into glibc's. */
static bool read_pi_mutex(const struct lock_memory *memory, bool musl, pid_t pid, uint64_t word,
	struct lock_state *out)
{
	if (!word)
		return false;
	if (musl)
		return layout__musl_mutex(memory, pid, word + 4, out) && out->pi;
	if (layout__glibc_mutex(memory, pid, word, out) && out->pi)
		return true;
	return layout__glibc_mutex(memory, pid, word - 16, out) && out->pi;
}

bool elsewhere__find_parked(const struct snapshot *snapshot, const struct lock_memory *memory,
	bool musl, struct lock_wait *wait)
{
	const struct lock_thread *thread = wait->thread;
	enum fit best = FIT_NONE;
	struct at_hand words;
	size_t last = wait->site.frame;

	if (last >= thread->frame_count || wait->futex.uaddr < thread->frames[0].slot ||
		wait->futex.uaddr >= thread->frames[last].slot)
		return false;
	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++) {
		struct lock_state state;
		enum fit fit;

		if (!read_pi_mutex(memory, musl, thread->pid, words.data[i], &state))
			continue;
		fit = judge_fit(snapshot, thread, &state);
		if (fit <= best)
			continue;
		best = fit;
		wait->state = state;
	}
	wait->parked = best != FIT_NONE;
	return wait->parked;
}

/* --- once */

static bool holds(const struct at_hand *words, uint64_t word)
{
	for (size_t i = 0; i < words->count; i++)
		if (words->data[i] == word)
			return true;
	return false;
}

/*
 * The first frame of @thread that can belong to a once it is inside of: 0, but where it waits for
 * another one itself. Then it is the frame that called that one, or (@saved_too) the one below:
 * what the outer one kept in a register may have been saved there alone.
 */
static size_t first_frame_inside(const struct lock_thread *thread, bool saved_too)
{
	struct futex_wait futex;
	struct wait_site site;

	if (!futex__decode(thread, &futex))
		return 0;
	site = wait_site__find(thread);
	if (site.kind != WAIT_ONCE || !site.frame || site.frame >= thread->frame_count)
		return 0;
	return site.frame - saved_too;
}

/* Whether @thread is inside a once that has @flag at hand. */
static bool runs_once(const struct lock_memory *memory, const struct lock_thread *thread,
	uint64_t flag, bool saved_too)
{
	size_t first = first_frame_inside(thread, saved_too);
	bool waits = first_frame_inside(thread, false);

	for (size_t i = first + 1 + (waits && saved_too);
		(i = wait_site__find_caller(thread, i, WAIT_ONCE)) < thread->frame_count; i++) {
		struct at_hand words = {.count = 0};

		at_hand__add_stack(
			memory, thread, thread->frames[first].slot, thread->frames[i].slot, &words);
		if (!waits)
			at_hand__add_registers(thread, &words);
		if (holds(&words, flag))
			return true;
	}
	return false;
}

/* The only other thread that runs the once of @flag, else @waiter if it does; NULL: none, several.
 */
static const struct lock_thread *find_runner(const struct snapshot *snapshot,
	const struct lock_memory *memory, uint64_t flag, const struct lock_thread *waiter,
	bool saved_too)
{
	const struct lock_thread *found = NULL;
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, waiter->pid, &count);

	for (size_t i = 0; i < count; i++) {
		if (&threads[i] == waiter || !runs_once(memory, &threads[i], flag, saved_too))
			continue;
		if (found)
			return NULL;
		found = &threads[i];
	}
	if (!found && runs_once(memory, waiter, flag, saved_too))
		found = waiter;
	return found;
}

/* Makes the thread that runs the once of @flag its owner; false where there is none. */
static bool take_once(const struct snapshot *snapshot, const struct lock_memory *memory,
	uint64_t flag, struct lock_wait *wait)
{
	const struct lock_thread *runner = find_runner(snapshot, memory, flag, wait->thread, false);

	if (!runner)
		runner = find_runner(snapshot, memory, flag, wait->thread, true);
	if (!runner)
		return false;
	wait->state = (struct lock_state){.address = flag};
	wait->owner = runner;
	wait->certainty = CERTAINTY_INFERRED;
	wait__explain(wait, "the owner's stack is already inside the initializer, with this flag "
			    "in its frames");
	return true;
}

bool elsewhere__find_once(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;
	struct at_hand words;

	if (!wait->site.adopted)
		return take_once(snapshot, memory, wait->futex.uaddr, wait);
	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++) {
		uint32_t value;

		if (!words.data[i] || words.data[i] % 4 ||
			memory->read(memory->context, pid, words.data[i], &value, sizeof(value)) ||
			value != 1)
			continue;
		if (take_once(snapshot, memory, words.data[i], wait))
			return true;
	}
	return false;
}

/* --- static guards */

/* Bits of a guard's second byte. */
#define GUARD_PENDING 2
#define GUARD_WAITED_FOR 4

bool elsewhere__find_guard(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;
	struct at_hand words;

	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++) {
		uint8_t guard[8];
		uint32_t tid;

		if (!words.data[i] || words.data[i] % 8 ||
			memory->read(memory->context, pid, words.data[i], guard, sizeof(guard)))
			continue;
		memcpy(&tid, guard + 4, sizeof(tid));
		if (guard[0] || (guard[1] & ~GUARD_WAITED_FOR) != GUARD_PENDING || guard[2] ||
			guard[3] || !find_number(snapshot, pid, tid))
			continue;
		wait->state = (struct lock_state){
			.address = words.data[i], .field = OWNER_TID, .owner = tid};
		return true;
	}
	return false;
}
