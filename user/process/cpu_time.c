/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/cpu_time.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

/* A status of a thread has some 1,500 bytes; affinities of large machines are the longest part. */
#define TEXT_LIMIT 16384

static char *read_text(pid_t pid, pid_t tid, const char *name)
{
	char path[64], *text;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	return file__read(path, TEXT_LIMIT, &text, &size) ? NULL : text;
}

static uint64_t number_after(const char *text, const char *name)
{
	const char *at = text ? strstr(text, name) : NULL;

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

struct cpu_waits cpu_time__waits(pid_t pid, pid_t tid)
{
	char *schedstat = read_text(pid, tid, "schedstat"), *status = read_text(pid, tid, "status");
	struct cpu_waits waits = {
		.delay_ns = number_after(schedstat, " "),
		.woken = number_after(status, "\nvoluntary_ctxt_switches:"),
		.preempted = number_after(status, "\nnonvoluntary_ctxt_switches:"),
	};

	free(schedstat);
	free(status);
	return waits;
}

int cpu_time__open_thread(pid_t tid)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.inherit = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int cpu_time__read_thread(int fd, uint64_t *ns)
{
	ssize_t size = read(fd, ns, sizeof(*ns));

	return size == sizeof(*ns) ? 0 : size < 0 ? -errno : -EIO;
}
