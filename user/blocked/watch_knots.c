/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/watch_knots.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blocked/blocked.h"
#include "blocked/kernel_facts.h"

/* More waits than these are not followed in one search: those of later processes are left out. */
#define MAX_FOLLOWED 4096

/* A process with a long wait that one other process can end. */
struct knot_wait {
	const struct look_thread *thread;
	pid_t for_pid;
	bool is_open; /* may be part of a circle, as far as is known */
};

typedef VEC(struct knot_wait) knot_waits;

static uint64_t sign(const struct look_thread *thread)
{
	return hash_combine(
		hash_combine(thread->tid, thread->start_ns), hash_combine(7, thread->switches));
}

static bool is_kernel_call(const struct look_thread *thread)
{
	switch (thread->syscall) {
	case SYS_flock:
	case SYS_wait4:
	case SYS_waitid:
	case SYS_read:
	case SYS_readv:
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_recvfrom:
	case SYS_recvmsg:
		return true;
	case SYS_fcntl:
		return thread->args[1] == F_SETLKW || thread->args[1] == F_OFD_SETLKW;
	default:
		return false;
	}
}

static bool is_old(const struct look_thread *thread, uint64_t threshold_ns)
{
	return !thread->asleep_since || thread->now - thread->asleep_since >= threshold_ns;
}

static bool is_long_wait(const struct look_thread *thread, uint64_t threshold_ns)
{
	char state = look_thread__state(thread);

	return thread->flags & LOOK_USER && !(thread->flags & LOOK_32BIT) &&
	       (state == 'S' || state == 'D') && is_kernel_call(thread) &&
	       is_old(thread, threshold_ns);
}

/* What shared memory's locks lead to is not followed here: the circle may close there. */
static bool is_shared_futex(const struct look_thread *thread, uint64_t threshold_ns)
{
	struct futex_wait futex;

	return is_old(thread, threshold_ns) && blocked__futex(thread, &futex) && !futex.timed &&
	       !futex.is_private;
}

static uint64_t sum_waits(const struct look *look, uint64_t threshold_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < look->count; i++)
		if (is_long_wait(&look->threads[i], threshold_ns) ||
			is_shared_futex(&look->threads[i], threshold_ns))
			sum += sign(&look->threads[i]);
	return sum;
}

static int find_waits(
	const struct look *look, struct subjects *subjects, uint64_t threshold_ns, knot_waits *out)
{
	for (size_t i = 0; i < look->count && out->size < MAX_FOLLOWED; i++) {
		const struct look_thread *thread = &look->threads[i];
		struct knot_wait wait = {.thread = thread, .is_open = true};

		if (is_shared_futex(thread, threshold_ns))
			wait.for_pid = thread->pid;
		else if (thread->pid == (uint32_t)getpid() || !is_long_wait(thread, threshold_ns) ||
			 !blocked__waits_for(subjects, thread, &wait.for_pid))
			continue;
		if (vec_push(out, wait))
			return -ENOMEM;
	}
	return 0;
}

/* The waits stand in order of their processes. */
static bool leads_on(const knot_waits *waits, pid_t pid)
{
	size_t low = 0, high = waits->size;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if ((pid_t)waits->data[middle].thread->pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < waits->size && (pid_t)waits->data[low].thread->pid == pid; low++)
		if (waits->data[low].is_open)
			return true;
	return false;
}

/* Closes the waits for processes that wait for nobody, then those for them, and so on. */
static void close_ends(knot_waits *waits)
{
	bool closed;

	do {
		closed = false;
		vec_for_each (wait, waits) {
			if (!wait->is_open || leads_on(waits, wait->for_pid))
				continue;
			wait->is_open = false;
			closed = true;
		}
	} while (closed);
}

static const struct look_thread *find_leader(
	const struct look *look, const struct look_thread *thread)
{
	while (thread > look->threads && thread[-1].pid == thread->pid)
		thread--;
	return thread;
}

/* The process of the waits @first to @end. */
static int note(struct knots *knots, const struct knot_wait *first, const struct knot_wait *end,
	changed_pids *pids)
{
	pid_t pid = first->thread->pid;
	uint64_t signature = 0, *judged;

	for (const struct knot_wait *wait = first; wait < end; wait++)
		signature += wait->is_open ? sign(wait->thread) : 0;
	if (!signature)
		return 0;
	judged = signature_map__insert(&knots->judged, pid);
	if (!judged)
		return -ENOMEM;
	if (*judged == signature)
		return 0;
	*judged = signature;
	return vec_push(pids, pid) ? -ENOMEM : 0;
}

int knots__list(struct knots *knots, const struct look *look, struct subjects *subjects,
	const struct watch_filter *filter, uint64_t threshold_ns, changed_pids *pids)
{
	uint64_t seen = sum_waits(look, threshold_ns);
	knot_waits waits = {0};
	size_t first = 0, end;
	int err;

	if (seen == knots->seen)
		return 0;
	knots->seen = seen;
	if (knots->judged.size > CHANGED_MAX_SIGNATURES)
		signature_map__free(&knots->judged);
	kernel_facts__begin(subjects__kernel_facts(subjects), look->taken_ns);
	err = find_waits(look, subjects, threshold_ns, &waits);
	close_ends(&waits);
	for (; first < waits.size && !err; first = end) {
		const struct look_thread *thread = waits.data[first].thread;

		for (end = first; end < waits.size && waits.data[end].thread->pid == thread->pid;)
			end++;
		if (watch_filter__wants(filter, find_leader(look, thread)))
			err = note(knots, &waits.data[first], &waits.data[end], pids);
	}
	vec_free(&waits);
	return err;
}

void knots__free(struct knots *knots)
{
	signature_map__free(&knots->judged);
}
