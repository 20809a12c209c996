/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/threads.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/vec.h"
#include "process/status.h"

int threads__read_one(pid_t pid, pid_t tid, struct thread_info *out)
{
	pid_t names[PROCESS_MAX_PID_NAMESPACES];
	const char *state;
	char path[64], *status;
	size_t size, depth;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	err = file__read(path, STATUS_LIMIT, &status, &size);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	*out = (struct thread_info){.tid = tid};
	depth = status__namespace_pids(status, names);
	out->own_tid = depth ? names[depth - 1] : tid;
	state = status__find(status, "State");
	out->state = state ? *state : 0;
	status__comm(status, out->comm);
	free(status);
	return 0;
}

static int compare_tids(const void *left, const void *right)
{
	const struct thread_info *a = left, *b = right;

	return (a->tid > b->tid) - (a->tid < b->tid);
}

int threads__list(pid_t pid, struct threads *out, struct error *error)
{
	VEC(struct thread_info) list = {0};
	char path[64];
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	*out = (struct threads){0};
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return error__set(error, -ESRCH, "process %d has exited", pid);
	while (!err && (entry = readdir(dir))) {
		struct thread_info thread;
		int tid = atoi(entry->d_name);

		if (tid > 0 && threads__read_one(pid, tid, &thread) == 0)
			err = vec_push(&list, thread);
	}
	closedir(dir);
	out->data = list.data;
	out->size = list.size;
	if (!err && list.size)
		qsort(list.data, list.size, sizeof(*list.data), compare_tids);
	if (!err)
		return 0;
	threads__free(out);
	return error__set(error, err, "out of memory for the threads of %d", pid);
}

void threads__free(struct threads *threads)
{
	free(threads->data);
	*threads = (struct threads){0};
}

static bool has_ended(const struct thread_info *thread)
{
	return thread->state == 'Z' || thread->state == 'X';
}

pid_t threads__shown(pid_t pid)
{
	struct thread_info first;
	struct threads threads;
	struct error ignored;
	pid_t shown = pid;

	if (threads__read_one(pid, pid, &first) || !has_ended(&first) ||
		threads__list(pid, &threads, &ignored))
		return pid;
	for (size_t i = 0; i < threads.size && shown == pid; i++)
		if (!has_ended(&threads.data[i]))
			shown = threads.data[i].tid;
	threads__free(&threads);
	return shown;
}

const struct thread_info *threads__find(const struct threads *threads, pid_t tid)
{
	struct thread_info key = {.tid = tid};

	if (!threads->size)
		return NULL;
	return bsearch(&key, threads->data, threads->size, sizeof(key), compare_tids);
}

const struct thread_info *threads__find_own(const struct threads *threads, pid_t own_tid)
{
	for (size_t i = 0; i < threads->size; i++)
		if (threads->data[i].own_tid == own_tid)
			return &threads->data[i];
	return NULL;
}
