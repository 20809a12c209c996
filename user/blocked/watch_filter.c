/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/watch_filter.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* A cgroup's list of PIDs: a million processes would fit. */
#define PROCS_LIMIT (8u << 20)
/* Cgroups nest only so deep in practice; a bound against loops of mounts. */
#define MAX_DEPTH 32

static int add_members(struct watch_filter *filter, const char *folder)
{
	char path[4096], *text, *rest;
	size_t size;
	int err;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	err = file__read(path, PROCS_LIMIT, &text, &size);
	/* A threaded cgroup refuses; its processes are listed further up. */
	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	rest = text;
	for (long pid = strtol(rest, &rest, 10); pid > 0 && !err; pid = strtol(rest, &rest, 10))
		err = vec_push(&filter->members, (pid_t)pid);
	free(text);
	return err;
}

static int add_tree(struct watch_filter *filter, const char *folder, int depth)
{
	int err = add_members(filter, folder);
	struct dirent *entry;
	char path[4096];
	DIR *dir;

	if (err || depth == MAX_DEPTH)
		return err;
	dir = opendir(folder);
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		err = add_tree(filter, path, depth + 1);
		if (err == -ENOENT)
			err = 0; /* removed meanwhile */
	}
	closedir(dir);
	return err;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

int watch_filter__refresh(struct watch_filter *filter)
{
	int err;

	if (!filter->cgroup)
		return 0;
	filter->members.size = 0;
	err = add_tree(filter, filter->cgroup, 0);
	if (filter->members.size)
		qsort(filter->members.data, filter->members.size, sizeof(pid_t), compare_pids);
	return err;
}

bool watch_filter__wants(const struct watch_filter *filter, const struct look_thread *leader)
{
	pid_t pid = leader->pid;
	bool wanted = !filter->pids.size;

	vec_for_each (one, &filter->pids)
		wanted |= *one == pid;
	if (filter->cgroup &&
		(!filter->members.size || !bsearch(&pid, filter->members.data, filter->members.size,
						  sizeof(pid_t), compare_pids)))
		return false;
	vec_for_each (name, &filter->excluded)
		if (!strncmp(*name, leader->comm, sizeof(leader->comm) - 1))
			return false;
	if (!filter->comms.size)
		return wanted;
	vec_for_each (name, &filter->comms)
		if (!strncmp(*name, leader->comm, sizeof(leader->comm) - 1))
			return wanted;
	return false;
}

void watch_filter__free(struct watch_filter *filter)
{
	vec_free(&filter->pids);
	vec_free(&filter->comms);
	vec_free(&filter->excluded);
	vec_free(&filter->members);
}
