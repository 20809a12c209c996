/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/hung.h"

#include <signal.h>
#include <sys/syscall.h>

#include "locks/idle.h"

static bool has_ended(const struct lock_thread *thread)
{
	return thread->state == 'Z' || thread->state == 'X';
}

bool hung__waits_for_signal(const struct lock_thread *thread)
{
	if (thread->is_32bit || thread->state != 'S')
		return false;
#ifdef SYS_pause
	if (thread->syscall == SYS_pause)
		return true;
#endif
	return thread->syscall == SYS_rt_sigsuspend;
}

/* Whether only a thread of the same process can end the wait. */
static bool is_inner(const struct lock_wait *wait)
{
	return wait && !wait->futex.timed && !wait->shared &&
	       (wait->futex.type != FUTEX_TYPE_VECTOR || wait->futex.is_private);
}

/* Whether it is a thread of a language's runtime that takes no part in what the program does. */
static bool is_apart(const struct lock_thread *thread, const struct lock_wait *wait)
{
	return idle__is_apart(thread, wait != NULL, wait && wait->futex.timed && !wait->name[0]);
}

/* The JVM's own threads compile, collect and keep time. One that runs has no stack, or, between its
 * system call and its next turn on a CPU, that of the call. */
static bool is_housekeeper(const struct lock_thread *thread)
{
	return (thread->state == 'R' || thread->state == 'D') && idle__is_vm_thread(thread);
}

bool hung__is_closed(const struct snapshot *snapshot, const struct lock_waits *waits, pid_t pid)
{
	const struct lock_process *process = snapshot__process(snapshot, pid);
	size_t count, waiting = 0, apart = 0, running = 0;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &count);

	if (!process || process->has_timer)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct lock_wait *wait = waits__of(waits, &threads[i]);

		if (has_ended(&threads[i]))
			continue;
		if (is_apart(&threads[i], wait))
			apart++;
		else if (is_housekeeper(&threads[i]))
			running++;
		else if (is_inner(wait))
			waiting++;
		else if (process->handled || !hung__waits_for_signal(&threads[i]))
			return false;
	}
	return waiting > 0 && (apart > 0 || !running);
}

#define SIGNAL_BIT(signal) (1ull << ((signal)-1))
/* What a person at the terminal sends: every Python handles the first. */
#define TERMINAL_SIGNALS (SIGNAL_BIT(SIGINT) | SIGNAL_BIT(SIGQUIT))

static bool awaits_signal(const struct hung_process *hung, const struct lock_waits *waits)
{
	if (!(hung->process->handled & ~TERMINAL_SIGNALS))
		return false;
	for (size_t i = 0; i < hung->count; i++) {
		const struct lock_wait *wait = waits__of(waits, &hung->threads[i]);

		if (wait && !is_apart(&hung->threads[i], wait) &&
			(wait->kind == WAIT_SEMAPHORE || wait->kind == WAIT_PYTHON_LOCK ||
				wait->kind == WAIT_PYTHON_RLOCK))
			return true;
	}
	return false;
}

static void count_threads(struct hung_process *hung, const struct lock_waits *waits)
{
	for (size_t i = 0; i < hung->count; i++) {
		const struct lock_thread *thread = &hung->threads[i];

		if (has_ended(thread))
			continue;
		if (is_apart(thread, waits__of(waits, thread)) || is_housekeeper(thread))
			hung->apart++;
		else
			hung->waiting++;
	}
}

int hung__find(const struct snapshot *snapshot, const struct lock_waits *waits, hung_processes *out)
{
	for (size_t i = 0; i < snapshot->process_count; i++) {
		struct hung_process hung = {.process = &snapshot->processes[i]};

		if (!hung__is_closed(snapshot, waits, hung.process->pid))
			continue;
		hung.threads = snapshot__threads_of(snapshot, hung.process->pid, &hung.count);
		count_threads(&hung, waits);
		hung.awaits_signal = awaits_signal(&hung, waits);
		if (vec_push(out, hung))
			return -ENOMEM;
	}
	return 0;
}

/* Whether the thread has run since it was seen in @before, or is a new one. Some of those that wait
 * for a monitor of Java wake to look again, and wait on for the same. */
static bool has_run(const struct lock_thread *now, const struct hung_process *before,
	const struct lock_wait *wait)
{
	bool looks_again = wait && wait->kind == WAIT_RUNTIME && wait->owner;

	for (size_t i = 0; i < before->count; i++) {
		const struct lock_thread *earlier = &before->threads[i];

		if (earlier->tid == now->tid)
			return earlier->start_ns != now->start_ns ||
			       (earlier->switches != now->switches && !looks_again) ||
			       earlier->args[0] != now->args[0];
	}
	return true;
}

bool hung__persists(const struct hung_process *now, const struct hung_process *before,
	const struct lock_waits *waits)
{
	if (now->process->pid != before->process->pid || now->waiting != before->waiting)
		return false;
	for (size_t i = 0; i < now->count; i++) {
		const struct lock_thread *thread = &now->threads[i];
		const struct lock_wait *wait = waits__of(waits, thread);

		if (!has_ended(thread) && !is_apart(thread, wait) && !is_housekeeper(thread) &&
			has_run(thread, before, wait))
			return false;
	}
	return true;
}
