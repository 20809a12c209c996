/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/hung.h"

#include <signal.h>
#include <sys/syscall.h>

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

bool hung__is_closed(const struct snapshot *snapshot, const struct lock_waits *waits, pid_t pid)
{
	const struct lock_process *process = snapshot__process(snapshot, pid);
	size_t count, waiting = 0;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &count);

	if (!process || process->has_timer)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct lock_wait *wait = waits__of(waits, &threads[i]);

		if (has_ended(&threads[i]))
			continue;
		if (is_inner(wait))
			waiting++;
		else if (process->handled || !hung__waits_for_signal(&threads[i]))
			return false;
	}
	return waiting > 0;
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

		if (wait && (wait->kind == WAIT_SEMAPHORE || wait->kind == WAIT_PYTHON_LOCK ||
				    wait->kind == WAIT_PYTHON_RLOCK))
			return true;
	}
	return false;
}

int hung__find(const struct snapshot *snapshot, const struct lock_waits *waits, hung_processes *out)
{
	for (size_t i = 0; i < snapshot->process_count; i++) {
		struct hung_process hung = {.process = &snapshot->processes[i]};

		if (!hung__is_closed(snapshot, waits, hung.process->pid))
			continue;
		hung.threads = snapshot__threads_of(snapshot, hung.process->pid, &hung.count);
		for (size_t n = 0; n < hung.count; n++)
			hung.waiting += !has_ended(&hung.threads[n]);
		hung.awaits_signal = awaits_signal(&hung, waits);
		if (vec_push(out, hung))
			return -ENOMEM;
	}
	return 0;
}

bool hung__persists(const struct hung_process *now, const struct hung_process *before)
{
	if (now->process->pid != before->process->pid || now->count != before->count)
		return false;
	for (size_t i = 0; i < now->count; i++) {
		const struct lock_thread *a = &now->threads[i], *b = &before->threads[i];

		if (a->tid != b->tid || a->start_ns != b->start_ns || a->switches != b->switches ||
			a->args[0] != b->args[0])
			return false;
	}
	return true;
}
