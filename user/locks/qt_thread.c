/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/qt_thread.h"

#include <string.h>

#include "locks/at_hand.h"

/* QObject: its table of functions, then the pointer to its data; QObjectData: its table, then the
 * pointer back. The same in Qt 5 and 6. */
#define OTHER_AT 8
/* QThreadPrivate is smaller; somewhere in it is thread_done, a QWaitCondition, a pointer. */
#define PRIVATE_WORDS 48
/* QWaitConditionPrivate: pthread_mutex_t, pthread_cond_t and two counts. */
#define CONDITION_SIZE 96

static bool read_word(
	const struct lock_memory *memory, pid_t pid, uint64_t address, uint64_t *value)
{
	return address && address % 8 == 0 &&
	       !memory->read(memory->context, pid, address, value, sizeof(*value));
}

/* The QThread whose data is at @private and has the condition that @wait is on; 0: none. */
static uint64_t find_qthread(
	const struct lock_memory *memory, const struct lock_wait *wait, uint64_t private)
{
	uint64_t words[PRIVATE_WORDS], qthread, back;
	pid_t pid = wait->thread->pid;

	if (!read_word(memory, pid, private, &back) ||
		!read_word(memory, pid, private + OTHER_AT, &qthread) ||
		!read_word(memory, pid, qthread + OTHER_AT, &back) || back != private ||
		memory->read(memory->context, pid, private, words, sizeof(words)))
		return 0;
	for (size_t i = 0; i < PRIVATE_WORDS; i++)
		if (words[i] && words[i] <= wait->futex.uaddr &&
			wait->futex.uaddr - words[i] < CONDITION_SIZE)
			return qthread;
	return 0;
}

static bool is_qt(const struct lock_frame *frame)
{
	return frame->module && !strncmp(frame->module, "libQt", 5);
}

static bool holds(const struct at_hand *words, uint64_t qthread)
{
	for (size_t i = 0; i < words->count; i++)
		if (words->data[i] == qthread)
			return true;
	return false;
}

/*
 * Whether @thread runs @qthread: then it began in QThreadPrivate::start, the outermost frame of
 * Qt's, which has it on its stack for the clean-up (Qt 5), or in a register that the functions it
 * called may have saved (@saved_too).
 */
static bool runs(const struct lock_memory *memory, const struct lock_thread *thread,
	uint64_t qthread, bool saved_too)
{
	struct at_hand words = {.count = 0};
	size_t start = thread->frame_count;

	while (start > 0 && !is_qt(&thread->frames[start - 1]))
		start--;
	/* Behind it are the C library's two at most. */
	if (!start || start == thread->frame_count || start + 2 < thread->frame_count)
		return false;
	at_hand__add_stack(memory, thread, thread->frames[saved_too ? 0 : start - 1].slot,
		thread->frames[start].slot, &words);
	if (saved_too)
		at_hand__add_registers(thread, &words);
	return holds(&words, qthread);
}

/* The one thread that runs @qthread; NULL: none, or several may. */
static const struct lock_thread *find_runner(const struct snapshot *snapshot,
	const struct lock_memory *memory, const struct lock_wait *wait, uint64_t qthread,
	bool saved_too)
{
	const struct lock_thread *found = NULL;
	size_t count;
	const struct lock_thread *threads =
		snapshot__threads_of(snapshot, wait->thread->pid, &count);

	for (size_t i = 0; i < count; i++) {
		if (&threads[i] == wait->thread || !runs(memory, &threads[i], qthread, saved_too))
			continue;
		if (found)
			return NULL;
		found = &threads[i];
	}
	return found;
}

void qt_thread__infer(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_wait *wait)
{
	const struct lock_thread *found;
	uint64_t qthread = 0;
	struct at_hand words;

	if (!wait->site.function || !strstr(wait->site.function, "QThread::wait("))
		return;
	at_hand__take(memory, wait, &words);
	for (size_t i = 0; i < words.count && !qthread; i++)
		qthread = find_qthread(memory, wait, words.data[i]);
	if (!qthread)
		return;
	found = find_runner(snapshot, memory, wait, qthread, false);
	if (!found)
		found = find_runner(snapshot, memory, wait, qthread, true);
	if (!found)
		return;
	wait->owner = found;
	wait->certainty = CERTAINTY_INFERRED;
	wait__explain(wait, "the QThread that is waited for, at 0x%llx, is in its frames",
		(unsigned long long)qthread);
}
