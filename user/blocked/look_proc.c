/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/look_proc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "process/status.h"

/* include/linux/sched.h, as the iterator has them. */
static uint32_t state_bits(char state, uint32_t *exit_state)
{
	*exit_state = state == 'Z' ? 0x20 : state == 'X' ? 0x10 : 0;
	switch (state) {
	case 'S':
		return 1;
	case 'D':
		return 2;
	case 'I':
		return 0x402;
	case 'T':
		return 4;
	case 't':
		return 8;
	}
	return 0;
}

static int read_file(pid_t pid, pid_t tid, const char *name, char **text)
{
	char path[64];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	return file__read(path, STATUS_LIMIT, text, &size);
}

static char *read_text(pid_t pid, pid_t tid, const char *name)
{
	char *text;

	return read_file(pid, tid, name, &text) ? NULL : text;
}

static bool read_status(pid_t pid, pid_t tid, struct look_thread *out)
{
	char *status = read_text(pid, tid, "status");
	pid_t numbers[PROCESS_MAX_PID_NAMESPACES];
	const char *state;
	size_t depth;

	if (!status)
		return false;
	status__comm(status, out->comm);
	depth = status__namespace_pids(status, numbers);
	out->ns_tid = depth ? numbers[depth - 1] : tid;
	state = status__find(status, "State");
	out->state = state_bits(state ? *state : 'S', &out->exit_state);
	out->switches = status__number(status, "voluntary_ctxt_switches", 0) +
			status__number(status, "nonvoluntary_ctxt_switches", 0);
	free(status);
	return true;
}

/* proc_pid_stat(5): field 22, after the name in parentheses that may hold anything. */
static void read_start(pid_t pid, pid_t tid, struct look_thread *out)
{
	char *stat = read_text(pid, tid, "stat");
	char *field = stat ? strrchr(stat, ')') : NULL;

	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	if (field)
		out->start_ns = strtoull(field, NULL, 10);
	free(stat);
}

/* proc_pid_syscall(5): "running", or number, six arguments, stack pointer, program counter. */
static void read_syscall(pid_t pid, pid_t tid, struct look_thread *out)
{
	unsigned long long args[6], sp, ip;
	long long number;
	char *text;
	int err = read_file(pid, tid, "syscall", &text);

	out->syscall = -1;
	/* The file is its owner's alone (EACCES), and reading it takes the rights of ptrace. */
	if (err == -EACCES || err == -EPERM)
		out->flags |= LOOK_DENIED;
	if (err)
		return;
	if (sscanf(text, "%lld %llx %llx %llx %llx %llx %llx %llx %llx", &number, &args[0],
		    &args[1], &args[2], &args[3], &args[4], &args[5], &sp, &ip) == 9) {
		out->syscall = number;
		for (int i = 0; i < 6; i++)
			out->args[i] = args[i];
		out->sp = sp;
		out->ip = ip;
	}
	free(text);
}

static uint32_t read_namespace(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat(path, &st) ? 0 : st.st_ino;
}

int look_proc__add_process(pid_t pid, look_threads *out)
{
	uint32_t pid_namespace = read_namespace(pid);
	pid_t ns_pid = pid;
	char path[64];
	struct dirent *entry;
	int err = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return 0;
	while (!err && (entry = readdir(tasks))) {
		struct look_thread thread = {
			.pid = pid,
			.tid = atoi(entry->d_name),
			.pid_namespace = pid_namespace,
			.flags = LOOK_USER,
		};

		if (entry->d_name[0] == '.' || !read_status(pid, thread.tid, &thread))
			continue;
		if (thread.tid == thread.pid)
			ns_pid = thread.ns_tid;
		thread.ns_pid = ns_pid;
		read_start(pid, thread.tid, &thread);
		read_syscall(pid, thread.tid, &thread);
		err = vec_push(out, thread);
	}
	closedir(tasks);
	return err;
}

int look_proc__add_all(look_threads *out)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int err = 0;

	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			err = look_proc__add_process(atoi(entry->d_name), out);
	closedir(proc);
	return err;
}
