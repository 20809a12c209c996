/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/confined.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "attach/features.h"
#include "base/file.h"
#include "process/status.h"

static bool thread_has_filter(pid_t pid, const char *tid)
{
	char path[64], *status;
	bool found;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", pid, tid);
	if (file__read(path, STATUS_LIMIT, &status, &size))
		return false;
	/* 0 none, 1 strict mode, 2 a filter: proc_pid_status(5) */
	found = status__number(status, "Seccomp", 0) != 0;
	free(status);
	return found;
}

bool confined__has_filter(pid_t pid)
{
	struct dirent *entry;
	bool found = false;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return false;
	while (!found && (entry = readdir(tasks)))
		found = entry->d_name[0] != '.' && thread_has_filter(pid, entry->d_name);
	closedir(tasks);
	return found;
}

int confined__check(pid_t pid, struct error *error)
{
	if (!confined__has_filter(pid) || features__spares_confined())
		return 0;
	return error__set(error, -EOPNOTSUPP,
		"process %d runs under a seccomp filter, and this kernel would kill it when a "
		"probed function returns (CVE-2025-21834): update the kernel",
		pid);
}
