/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/foreign.h"

#include <string.h>

#include "locks/at_hand.h"
#include "locks/code_refs.h"

static bool read_memory(const struct lock_memory *memory, const struct lock_wait *wait,
	uint64_t address, void *data, size_t size)
{
	return address && !memory->read(memory->context, wait->thread->pid, address, data, size);
}

/* --- Rust */

static void refine_rust(const struct lock_memory *memory, struct lock_wait *wait)
{
	pid_t pid = wait->thread->pid;
	const char *function = wait->site.function;

	if (strstr(function, "RwLock")) {
		if (!layout__rust_rwlock(memory, pid, wait->futex.uaddr,
			    wait->kind == WAIT_WRITE_LOCK, &wait->state))
			wait->kind = WAIT_UNKNOWN;
	} else if (strstr(function, "futex::Mutex") || strstr(function, "futex_mutex::Mutex")) {
		layout__rust_mutex(memory, pid, wait->futex.uaddr, &wait->state);
	}
}

/* --- absl */

/* Bits of Mutex::mu_; above them, while threads wait, the last of them. */
#define ABSL_READER 1
#define ABSL_WAIT 4
#define ABSL_WRITER 8
#define ABSL_LOW 0xffull
/* A thread's identity lies at such an address (PerThreadSynch::kAlignment), and its futex word, the
 * waiter's state, in the first or second part of it. */
#define ABSL_IDENTITY 256
/* A longer queue is not followed; who waits is found in it from the last to the first. */
#define ABSL_MAX_QUEUE 4096

/* Whether @address is of a variable of the functions that wait: a copy of the lock's word there, to
 * which something points, looks like the lock. */
static bool is_own_variable(const struct lock_wait *wait, uint64_t address)
{
	const struct lock_thread *thread = wait->thread;
	size_t last = wait->site.frame;

	if (!thread->frame_count)
		return false;
	if (last >= thread->frame_count)
		last = thread->frame_count - 1;
	return address >= thread->frames[0].slot && address < thread->frames[last].slot;
}

/* Whether the thread that sleeps on @wait's word is in the circular queue of @last. */
static bool is_queued(const struct lock_memory *memory, const struct lock_wait *wait, uint64_t last)
{
	uint64_t own = wait->futex.uaddr & ~ABSL_LOW, at = last;

	for (int i = 0; i < ABSL_MAX_QUEUE; i++) {
		if (at == own || at == own - ABSL_IDENTITY)
			return true;
		/* PerThreadSynch::next, its first member */
		if (!read_memory(memory, wait, at, &at, sizeof(at)) || at == last || at & ABSL_LOW)
			return false;
	}
	return false;
}

static void find_absl_mutex(const struct lock_memory *memory, struct lock_wait *wait)
{
	struct at_hand words;

	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++) {
		uint64_t mutex = at_hand__outermost(&words, i), word;

		if (mutex % 8 || is_own_variable(wait, mutex) ||
			!read_memory(memory, wait, mutex, &word, sizeof(word)) ||
			!(word & ABSL_WAIT) || !(word & ~ABSL_LOW) ||
			!is_queued(memory, wait, word & ~ABSL_LOW))
			continue;
		wait->state = (struct lock_state){
			.address = mutex,
			.field = word & (ABSL_READER | ABSL_WRITER) ? OWNER_NONE : OWNER_FREE,
		};
		return;
	}
}

/* --- Qt */

/* QReadWriteLockPrivate of Qt 5: QMutex, two QWaitConditions, four counts; those are pointers. Of
 * Qt 6: std::mutex and std::condition_variable, the objects themselves. */
struct qt5_lock {
	uint64_t mutex;
	uint64_t conditions[2];
	uint32_t readers, writers, waiting_readers, waiting_writers;
};
#define QT6_CONDITIONS 40
#define QT6_COUNTS (QT6_CONDITIONS + 2 * 48)
/* QWaitConditionPrivate: pthread_mutex_t, pthread_cond_t and two counts. */
#define QT5_CONDITION_SIZE 96
/* More threads than a kernel has are garbage. */
#define QT_MAX_COUNT LAYOUT_MAX_TID

/* Somebody waits, and so somebody has it. */
static bool are_counts(const uint32_t counts[4])
{
	for (int i = 0; i < 4; i++)
		if (counts[i] > QT_MAX_COUNT)
			return false;
	return (counts[0] || counts[1]) && (counts[2] || counts[3]);
}

static bool is_within(uint64_t address, uint64_t start, uint64_t size)
{
	return address >= start && address < start + size;
}

/* Whether @private is the data of a QReadWriteLock one of whose conditions has @wait's word; then
 * its counts: readers, writers and who waits to be one. */
static bool read_qt5_lock(const struct lock_memory *memory, const struct lock_wait *wait,
	uint64_t private, uint32_t counts[4])
{
	struct qt5_lock lock;

	if (private % 8 || !read_memory(memory, wait, private, &lock, sizeof(lock)))
		return false;
	memcpy(counts, &lock.readers, 4 * sizeof(*counts));
	return are_counts(counts) &&
	       (is_within(wait->futex.uaddr, lock.conditions[0], QT5_CONDITION_SIZE) ||
		       is_within(wait->futex.uaddr, lock.conditions[1], QT5_CONDITION_SIZE));
}

static bool read_qt6_lock(const struct lock_memory *memory, const struct lock_wait *wait,
	uint64_t private, uint32_t counts[4])
{
	return private % 8 == 0 &&
	       is_within(
		       wait->futex.uaddr, private + QT6_CONDITIONS, QT6_COUNTS - QT6_CONDITIONS) &&
	       read_memory(memory, wait, private + QT6_COUNTS, counts, 4 * sizeof(*counts)) &&
	       are_counts(counts);
}

typedef bool (*qt_reader)(const struct lock_memory *memory, const struct lock_wait *wait,
	uint64_t private, uint32_t counts[4]);

/* A variable that the functions which call the library name: once the library has looked up the
 * lock's data it may have forgotten the lock. */
#define QT_CALLERS 3

static uint64_t find_qt_variable(
	const struct lock_memory *memory, const struct lock_wait *wait, uint64_t private)
{
	const struct lock_thread *thread = wait->thread;
	uint64_t found = 0;

	for (size_t i = wait->site.frame;
		i < thread->frame_count && i < wait->site.frame + QT_CALLERS && !found; i++)
		if (thread->frames[i].function)
			found = code_refs__find_pointer(memory, thread->pid,
				thread->frames[i].pc - thread->frames[i].function_offset,
				thread->frames[i].pc, private);
	return found;
}

/* The lock is a pointer to its data: is it that at @lock? */
static bool take_qt_lock(
	const struct lock_memory *memory, struct lock_wait *wait, qt_reader is_lock, uint64_t lock)
{
	uint64_t private, variable;
	uint32_t counts[4];

	if (lock % 8 || is_own_variable(wait, lock) ||
		!read_memory(memory, wait, lock, &private, sizeof(private)) ||
		!is_lock(memory, wait, private, counts))
		return false;
	variable = find_qt_variable(memory, wait, private);
	wait->state = (struct lock_state){
		/* The library may have a pointer of its own to them. */
		.address = variable ? variable : lock,
		.field = counts[0] ? OWNER_READERS : OWNER_NONE,
		.readers = counts[0],
	};
	return true;
}

static bool find_qt_lock(
	const struct lock_memory *memory, struct lock_wait *wait, qt_reader is_lock)
{
	struct at_hand words;

	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count; i++)
		if (take_qt_lock(memory, wait, is_lock, at_hand__outermost(&words, i)))
			return true;
	return false;
}

/* Of a plain one nothing is known; the word is a pointer's lower half. */
static void refine_qt_mutex(const struct lock_memory *memory, struct lock_wait *wait)
{
	if (!layout__qt_recursive(memory, wait->thread->pid, wait->futex.uaddr, &wait->state))
		wait->state = (struct lock_state){0};
}

void foreign__refine(const struct lock_memory *memory, struct lock_wait *wait)
{
	if (!wait->site.function)
		return;
	if (strstr(wait->site.function, "QReadWriteLock"))
		(void)(find_qt_lock(memory, wait, read_qt5_lock) ||
			find_qt_lock(memory, wait, read_qt6_lock));
	else if (strstr(wait->site.function, "QBasicMutex::"))
		refine_qt_mutex(memory, wait);
	else if (functions__is_absl(wait->site.function))
		find_absl_mutex(memory, wait);
	else if (!wait->site.adopted)
		refine_rust(memory, wait);
}
