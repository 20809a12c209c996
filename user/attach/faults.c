/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/faults.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "process/threads.h"

/* Samples a second of a thread, about: what they cost is bounded at any rate of faults. */
#define FAULT_SAMPLE_RATE 4000

static int open_event(pid_t tid, bool follow)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_PAGE_FAULTS_MIN,
		.sample_freq = FAULT_SAMPLE_RATE,
		.freq = 1,
		.disabled = 1,
		.inherit = 1,
		.inherit_thread = !follow,
	};
	int fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* 1: it is there; 0: the thread is gone; or a negative errno. */
static int watch_thread(fault_events *events, int program_fd, pid_t tid, bool follow)
{
	int fd = open_event(tid, follow), err = 0;

	if (fd < 0)
		return fd == -ESRCH ? 0 : fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program_fd) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		err = -errno;
	if (!err)
		err = vec_push(events, fd);
	if (err)
		close(fd);
	return err ? err : 1;
}

/*
 * A thread that starts meanwhile inherits the event of the one that made it, if that has its own
 * already; else it is missed: to open one for it might count its faults twice.
 */
static int watch_threads(
	fault_events *events, int program_fd, pid_t pid, bool follow, struct error *error)
{
	struct threads threads;
	int err = threads__list(pid, &threads, error);

	if (err)
		return err;
	for (size_t i = 0; i < threads.size && err >= 0; i++)
		err = watch_thread(events, program_fd, threads.data[i].tid, follow);
	threads__free(&threads);
	return err < 0 ? err : 0;
}

int faults__watch(fault_events *events, int program_fd, pid_t pid, bool follow, struct error *error)
{
	int err = watch_threads(events, program_fd, pid, follow, error);

	if (!err || err == -ESRCH)
		return err;
	if (err == -EPERM || err == -EACCES)
		return error__set(error, err,
			"process %d: the kernel does not let memtrace count its page faults: run "
			"it "
			"as root, or with CAP_PERFMON and CAP_SYS_PTRACE",
			pid);
	return error__set(error, err, "process %d: cannot count its page faults: %s%s", pid,
		strerror(-err), file__limit_hint(err));
}

void faults__close(fault_events *events)
{
	vec_for_each (fd, events)
		close(*fd);
	vec_free(events);
}
