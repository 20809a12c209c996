/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/children.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

/* One thread's. */
static int read_children(pid_t pid, int tid, pid_list *out)
{
	char path[64];
	FILE *file;
	int child, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
	file = fopen(path, "re");
	if (!file) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
		return access(path, F_OK) ? -ENOTSUP : 0;
	}
	while (!err && fscanf(file, "%d", &child) == 1)
		err = vec_push(out, child);
	fclose(file);
	return err;
}

int children__list(pid_t pid, pid_list *out)
{
	struct dirent *entry;
	char path[64];
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!err && (entry = readdir(dir))) {
		int tid = atoi(entry->d_name);

		if (tid > 0)
			err = read_children(pid, tid, out);
	}
	closedir(dir);
	return err;
}

int children__visit(pid_list *pids, void (*visit)(void *context, pid_t pid), void *context)
{
	for (size_t i = 0; i < pids->size; i++) {
		size_t known = pids->size;
		int err = children__list(pids->data[i], pids);

		if (err == -ENOTSUP)
			log__warn("this kernel does not list children: those already running are "
				  "not traced (name each with -p)");
		if (err)
			return err == -ENOTSUP ? 0 : err;
		for (size_t k = known; k < pids->size; k++)
			visit(context, pids->data[k]);
	}
	return 0;
}
