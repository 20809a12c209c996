/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/kernel_wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/hung.h"

bool wait_kind__is_lock(enum wait_kind kind)
{
	return kind < WAIT_PIPE_READ || kind > WAIT_CHILD;
}

static bool is_file_lock(enum wait_kind kind)
{
	return kind == WAIT_FLOCK || kind == WAIT_RECORD_LOCK;
}

static bool is_reading(enum wait_kind kind)
{
	return kind == WAIT_PIPE_READ || kind == WAIT_SOCKET_READ;
}

static bool is_alive(const struct lock_thread *thread)
{
	return thread->state != 'Z' && thread->state != 'X';
}

/* Whether @thread waits without end for another thread, or for a signal that nobody handles: it
 * ends no wait of others. */
static bool sleeps_for_good(const struct snapshot *snapshot, const struct lock_thread *thread)
{
	const struct lock_process *process = snapshot__process(snapshot, thread->pid);
	struct futex_wait futex;

	if (hung__waits_for_signal(thread))
		return process && !process->handled;
	return futex__decode(thread, &futex) && !futex.timed;
}

/* The live threads of a process, and those of which that do not sleep for good. */
struct crew {
	size_t alive;
	size_t free;
	const struct lock_thread *first;      /* alive */
	const struct lock_thread *first_free; /* NULL: none */
	const struct lock_thread *leader;     /* the first thread, where it is alive */
};

static struct crew muster(
	const struct snapshot *snapshot, pid_t pid, const struct lock_thread *waiter)
{
	struct crew crew = {0};
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &count);

	for (size_t i = 0; i < count; i++) {
		if (!is_alive(&threads[i]) || &threads[i] == waiter)
			continue;
		crew.alive++;
		if (!crew.first)
			crew.first = &threads[i];
		if (threads[i].tid == pid)
			crew.leader = &threads[i];
		if (sleeps_for_good(snapshot, &threads[i]))
			continue;
		crew.free++;
		if (!crew.first_free)
			crew.first_free = &threads[i];
	}
	return crew;
}

static void set_owner(
	struct lock_wait *wait, const struct lock_thread *owner, enum certainty certainty)
{
	wait->owner = owner;
	wait->certainty = certainty;
}

/* "c (PID 12)" */
static const char *process_name(
	const struct snapshot *snapshot, pid_t pid, char *buffer, size_t size)
{
	size_t count;
	const struct lock_thread *threads = snapshot__threads_of(snapshot, pid, &count);

	snprintf(buffer, size, "%s%s(PID %d)", threads ? threads->comm : "", threads ? " " : "",
		(int)pid);
	return buffer;
}

/* One process alone can end the wait: the thread of it that has to. */
static void resolve_process(const struct snapshot *snapshot, pid_t pid, struct lock_wait *wait,
	enum certainty certainty)
{
	struct crew crew = muster(snapshot, pid, wait->thread);
	char name[64];

	process_name(snapshot, pid, name, sizeof(name));
	if (!crew.alive && pid == wait->thread->pid) {
		set_owner(wait, wait->thread, certainty);
	} else if (crew.alive == 1) {
		set_owner(wait, crew.first, certainty);
	} else if (crew.alive > 1 && crew.free == 1) {
		set_owner(wait, crew.first_free, CERTAINTY_INFERRED);
		wait__explain(
			wait, "%s: its other %zu threads sleep for good", name, crew.alive - 1);
	} else if (crew.alive > 1 && !crew.free && crew.leader) {
		set_owner(wait, crew.leader, CERTAINTY_INFERRED);
		wait__explain(wait, "%s: all of its %zu threads sleep for good", name, crew.alive);
	} else if (crew.alive > 1) {
		wait__explain(
			wait, "%s: any of its %zu threads can end the wait", name, crew.alive);
	} else if (snapshot->complete && is_file_lock(wait->kind)) {
		wait->owner_dead = true;
		wait->owner_number = pid;
	}
}

static void explain_end(const struct snapshot *snapshot, pid_t pid, struct lock_wait *wait)
{
	char name[64];

	if (wait->owner && !wait->reason[0])
		wait__explain(wait, "only %s has its other end",
			process_name(snapshot, pid, name, sizeof(name)));
}

bool kernel_wait__is_for_one(const struct kernel_wait *facts)
{
	return facts->process_count == 1 && !facts->own_too &&
	       !(is_reading(facts->kind) && facts->handles_signals);
}

/*
 * A file lock is its process's, and a child's end is the child's. Of a pipe somebody else might
 * have the other end: then nobody is the one that is waited for. Nor is one who waits for data
 * lost as long as a signal's handler may write it.
 */
static void resolve(
	const struct snapshot *snapshot, const struct kernel_wait *facts, struct lock_wait *wait)
{
	pid_t pid = facts->processes[0];

	if (!kernel_wait__is_for_one(facts))
		return;
	if (is_file_lock(facts->kind) || facts->kind == WAIT_CHILD) {
		resolve_process(snapshot, pid, wait, CERTAINTY_EXACT);
		return;
	}
	resolve_process(snapshot, pid, wait, CERTAINTY_INFERRED);
	explain_end(snapshot, pid, wait);
}

/* Children are looked at in any case, others where one alone can end the wait. */
static void follow(const struct kernel_wait *facts, struct lock_waits *waits)
{
	if (facts->kind != WAIT_CHILD && !kernel_wait__is_for_one(facts))
		return;
	for (size_t i = 0; i < facts->process_count && i < KERNEL_WAIT_PROCESSES; i++)
		if (vec_push(&waits->processes, facts->processes[i]))
			return; /* one that is not looked at */
}

bool kernel_wait__judge(const struct snapshot *snapshot, const struct lock_memory *memory,
	const struct lock_thread *thread, struct lock_waits *waits, struct lock_wait *out)
{
	struct kernel_wait facts = {.fd = -1};

	if (!memory->kernel_wait || (thread->state != 'S' && thread->state != 'D') ||
		thread->syscall < 0 || thread->is_32bit ||
		!memory->kernel_wait(memory->context, thread, &facts) || facts.kind == WAIT_UNKNOWN)
		return false;
	*out = (struct lock_wait){
		.thread = thread,
		/* The first argument, a descriptor or a number, tells one wait from the next. */
		.futex = {.type = FUTEX_TYPE_NONE, .uaddr = thread->args[0], .timed = facts.timed},
		.left_ns = LOCK_AGE_UNKNOWN,
		.kind = facts.kind,
		.site = {.kind = facts.kind},
		.fd = facts.fd,
		.key = facts.key,
		.shared = true,
	};
	snprintf(out->name, sizeof(out->name), "%s", facts.name);
	snprintf(out->reason, sizeof(out->reason), "%s", facts.reason);
	if (!facts.reason[0] || is_file_lock(facts.kind))
		resolve(snapshot, &facts, out);
	follow(&facts, waits);
	return true;
}

/* Whether the chain from @start comes to a lock, or back to where it was: a cycle. */
static bool leads_somewhere(const struct lock_waits *waits, size_t start)
{
	const struct lock_wait *wait = &waits->data[start];

	for (size_t steps = 0; steps <= waits->size; steps++) {
		wait = wait->owner ? waits__of(waits, wait->owner) : NULL;
		if (!wait)
			return false;
		if (wait_kind__is_lock(wait->kind))
			return true;
	}
	return true;
}

/* Marks the waits for processes that the chain from @start, a lock's, goes through. */
static void mark_chain(const struct lock_waits *waits, size_t start, bool *needed)
{
	const struct lock_wait *wait = &waits->data[start];

	for (;;) {
		wait = wait->owner ? waits__of(waits, wait->owner) : NULL;
		/* Behind the next lock that lock's own chain goes on. */
		if (!wait || wait_kind__is_lock(wait->kind) || needed[wait - waits->data])
			return;
		needed[wait - waits->data] = true;
	}
}

int kernel_wait__drop_idle(struct lock_waits *waits)
{
	bool *needed = calloc(waits->size + 1, sizeof(*needed));
	size_t kept = 0;

	if (!needed)
		return -ENOMEM;
	for (size_t i = 0; i < waits->size; i++)
		if (wait_kind__is_lock(waits->data[i].kind))
			mark_chain(waits, i, needed);
	/* Those without an owner tell nothing that the thread's activity does not. */
	for (size_t i = 0; i < waits->size; i++)
		needed[i] = wait_kind__is_lock(waits->data[i].kind) ||
			    (waits->data[i].owner && (needed[i] || leads_somewhere(waits, i)));
	for (size_t i = 0; i < waits->size; i++)
		if (needed[i])
			waits->data[kept++] = waits->data[i];
	waits->size = kept;
	free(needed);
	return 0;
}
