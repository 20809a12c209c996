/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "process/status.h"
#include "process/threads.h"

/* As much of a command line as is worth showing; the kernel allows 2 MiB. */
#define COMMAND_LINE_LIMIT 4096

/* The kernel has some 20, at most 64: AT_VECTOR_SIZE. */
#define AUXV_ENTRIES 64

static int read_proc_file(pid_t pid, const char *name, size_t limit, char **data, size_t *size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return file__read(path, limit, data, size);
}

static bool is_kernel_thread(pid_t pid, const char *status)
{
	char path[64], target[8];

	if (status__number(status, "Kthread", -1) >= 0)
		return status__number(status, "Kthread", 0) == 1;
	/* Before Linux 6.8: no address space, and no executable even for those who may look. */
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return !status__find(status, "VmSize") && readlink(path, target, sizeof(target)) < 0 &&
	       errno == ENOENT;
}

/* Refuses what can never be traced, by what the status file of @pid says. */
static int check_status(pid_t pid, const char *status, struct error *error)
{
	pid_t leader = status__number(status, "Tgid", pid);
	const char *state = status__find(status, "State");
	char comm[PROCESS_COMM_SIZE];

	status__comm(status, comm);
	if (leader != pid)
		return error__set(error, -EINVAL, "%d is a thread (%s) of process %d: use -p %d",
			pid, comm, leader, leader);
	if (is_kernel_thread(pid, status))
		return error__set(error, -EINVAL,
			"%d (%s) is a kernel thread: it has no memory of its own to trace", pid,
			comm);
	if (state && (*state == 'Z' || *state == 'X') && threads__shown(pid) == pid)
		return error__set(error, -ESRCH,
			"process %d (%s) is a zombie: it has exited and only waits for its parent "
			"to notice",
			pid, comm);
	return 0;
}

/*
 * Whether the auxiliary vector, proc_pid_auxv(5), has entries of 32 bits: read as ones of 64, such
 * a one is the type and above it the value.
 */
static bool has_short_entries(const uint64_t *vector, size_t count)
{
	for (size_t i = 0; i + 1 < count && vector[i] != AT_NULL; i += 2)
		if (vector[i] > UINT32_MAX)
			return true;
	return false;
}

/*
 * Refuses programs of another word size, whose ABI memtrace does not know. The program's file could
 * tell, too, but may be on a file system that does not answer.
 */
static int check_architecture(pid_t pid, struct error *error)
{
	uint64_t vector[AUXV_ENTRIES * 2];
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", threads__shown(pid));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return error__set(error, -EPERM,
			geteuid() ? "no permission to look at process %d: run memtrace as root, or "
				    "with CAP_SYS_PTRACE and, for other users' processes, "
				    "CAP_DAC_READ_SEARCH"
				  : "cannot look at process %d, even as root: a security module "
				    "protects it, or CAP_SYS_PTRACE is missing",
			pid);
	if (fd < 0)
		return errno == ESRCH ? error__set(error, -ESRCH, "process %d has exited", pid) : 0;
	got = read(fd, vector, sizeof(vector));
	close(fd);
	if (got > 0 && has_short_entries(vector, got / sizeof(*vector)))
		return error__set(error, -ENOTSUP,
			"process %d runs a 32-bit program: memtrace traces 64-bit ones only", pid);
	return 0;
}

static char *read_exe(pid_t pid)
{
	char path[64], target[4096];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", threads__shown(pid));
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	text__make_printable(target);
	return strdup(target);
}

static char *read_command_line(pid_t pid, const char *comm)
{
	char line[COMMAND_LINE_LIMIT], path[64];
	ssize_t size = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		size = read(fd, line, sizeof(line) - 1);
		close(fd);
	}
	if (size <= 0)
		size = snprintf(line, sizeof(line), "[%s]", comm);
	while (size > 0 && line[size - 1] == '\0')
		size--;
	for (ssize_t i = 0; i < size; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	line[size] = '\0';
	text__make_printable(line);
	return strdup(line);
}

uint64_t process__read_start_time(pid_t pid)
{
	unsigned long long start = 0;
	char *text, *after;
	size_t size;

	if (read_proc_file(pid, "stat", STATUS_LIMIT, &text, &size))
		return 0;
	/* The name, field 2, may hold anything, ") " too: the last one ends it. Start is field 22.
	 */
	after = strrchr(text, ')');
	if (after)
		sscanf(after + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %llu",
			&start);
	free(text);
	return start;
}

bool process__read_comm(pid_t pid, char comm[PROCESS_COMM_SIZE])
{
	size_t size;
	char *text;

	if (read_proc_file(pid, "comm", STATUS_LIMIT, &text, &size))
		return false;
	snprintf(comm, PROCESS_COMM_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return true;
}

static int open_pidfd(pid_t pid, struct error *error)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0)
		return fd;
	if (errno == ESRCH)
		return error__set(error, -ESRCH, "no process with PID %d", pid);
	return error__set(error, -errno, "cannot open process %d: %s", pid, strerror(errno));
}

static int describe(struct process_info *process, const char *status, struct error *error)
{
	const char *uids = status__find(status, "Uid");

	/* "Uid: real effective saved filesystem" */
	if (uids && sscanf(uids, "%*u %u", &process->uid) != 1)
		process->uid = -1;
	process->namespace_depth = status__namespace_pids(status, process->namespace_pids);
	status__comm(status, process->comm);
	process->start_time = process__read_start_time(process->pid);
	process->command_line = read_command_line(process->pid, process->comm);
	process->exe = read_exe(process->pid);
	if (!process->command_line || !process->exe)
		return error__set(error, -ENOMEM, "out of memory");
	return 0;
}

int process__open(pid_t pid, struct process_info *out, struct error *error)
{
	char *status = NULL;
	size_t size;
	int err;

	*out = (struct process_info){.pid = pid, .pidfd = -1};
	if (pid <= 0)
		return error__set(error, -EINVAL, "%d is not a valid PID", pid);
	err = read_proc_file(pid, "status", STATUS_LIMIT, &status, &size);
	if (err == -ENOENT || err == -ESRCH)
		return error__set(error, -ESRCH, "no process with PID %d", pid);
	if (err)
		return error__set(
			error, err, "cannot read /proc/%d/status: %s", pid, strerror(-err));
	err = check_status(pid, status, error);
	if (err)
		goto out;
	err = out->pidfd = open_pidfd(pid, error);
	if (err < 0)
		goto out;
	err = check_architecture(pid, error);
	if (!err)
		err = describe(out, status, error);
	/* What was read belongs to the process of the pidfd only if that one lives until now. */
	if (!err && !process__is_alive(out))
		err = error__set(error, -ESRCH, "process %d has just exited", pid);
out:
	free(status);
	if (err)
		process__close(out);
	return err;
}

void process__close(struct process_info *process)
{
	if (process->pidfd >= 0)
		close(process->pidfd);
	free(process->command_line);
	free(process->exe);
	*process = (struct process_info){.pidfd = -1};
}

bool process__is_alive(const struct process_info *process)
{
	struct pollfd poll_fd = {.fd = process->pidfd, .events = POLLIN};

	return process->pidfd >= 0 && poll(&poll_fd, 1, 0) == 0;
}

pid_t process__own_pid(const struct process_info *process)
{
	return process->namespace_depth ? process->namespace_pids[process->namespace_depth - 1]
					: process->pid;
}
