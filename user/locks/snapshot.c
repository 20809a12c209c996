/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "locks/snapshot.h"

#include <stdlib.h>

#include "base/search.h"

static int compare_threads(const void *a, const void *b)
{
	const struct lock_thread *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int compare_processes(const void *a, const void *b)
{
	const struct lock_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

void snapshot__sort(struct snapshot *snapshot)
{
	if (snapshot->thread_count)
		qsort(snapshot->threads, snapshot->thread_count, sizeof(*snapshot->threads),
			compare_threads);
	if (snapshot->process_count)
		qsort(snapshot->processes, snapshot->process_count, sizeof(*snapshot->processes),
			compare_processes);
}

/* Index of the first thread that is not before (@pid, @tid). */
static size_t lower_bound(const struct snapshot *snapshot, pid_t pid, pid_t tid)
{
	struct lock_thread key = {.pid = pid, .tid = tid};

	return search_first(
		snapshot->thread_count, i, compare_threads(&snapshot->threads[i], &key) < 0);
}

const struct lock_thread *snapshot__find(const struct snapshot *snapshot, pid_t pid, pid_t tid)
{
	size_t i = lower_bound(snapshot, pid, tid);
	const struct lock_thread *thread = &snapshot->threads[i];

	if (i == snapshot->thread_count || thread->pid != pid || thread->tid != tid)
		return NULL;
	return thread;
}

const struct lock_thread *snapshot__threads_of(
	const struct snapshot *snapshot, pid_t pid, size_t *count)
{
	size_t first = lower_bound(snapshot, pid, 0);
	size_t end = lower_bound(snapshot, pid + 1, 0);

	*count = end - first;
	return *count ? &snapshot->threads[first] : NULL;
}

const struct lock_process *snapshot__process(const struct snapshot *snapshot, pid_t pid)
{
	struct lock_process key = {.pid = pid};

	if (!snapshot->process_count)
		return NULL;
	return bsearch(&key, snapshot->processes, snapshot->process_count,
		sizeof(*snapshot->processes), compare_processes);
}
