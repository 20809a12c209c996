/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/children.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
