/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A process that is looked at: found, checked and described before anything is attached to it.
 * All of it is read from /proc and a pidfd; the process is not stopped and does not notice.
 */
#ifndef MEMTRACE_PROCESS_PROCESS_H
#define MEMTRACE_PROCESS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define PROCESS_COMM_SIZE 16
/* Deepest nesting of pid namespaces: MAX_PID_NS_LEVEL in the kernel's pid_namespace.c. */
#define PROCESS_MAX_PID_NAMESPACES 33

struct process_info {
	pid_t pid;	     /* as we see it */
	int pidfd;	     /* readable (poll) once the process has exited */
	uid_t uid;	     /* effective */
	uint64_t start_time; /* clock ticks since boot: tells a PID that is used again */
	char comm[PROCESS_COMM_SIZE];
	char *command_line; /* arguments joined by spaces, printable; "[comm]" where there are none
			     */
	char *exe;	    /* path of the program as the target sees it, printable; "" unknown */
	/* Its PID in each pid namespace from ours (the first, = pid) to its own (the last). */
	pid_t namespace_pids[PROCESS_MAX_PID_NAMESPACES];
	size_t namespace_depth;
};

/*
 * Looks at process @pid and fills @out, which the caller gives to process__close. Refuses, each
 * with its own message and negative errno: no such process or a zombie (-ESRCH), the TID of a
 * thread that is not its process (-EINVAL), a kernel thread (-EINVAL), a 32-bit program or one of
 * another architecture (-ENOTSUP), missing permission (-EPERM).
 */
int process__open(pid_t pid, struct process_info *out, struct error *error);
void process__close(struct process_info *process);

/* Whether the process still runs, not a later one with the same PID; true until it is a zombie. */
bool process__is_alive(const struct process_info *process);

/* The PID that the process itself sees (getpid). */
pid_t process__own_pid(const struct process_info *process);

/* Start time of @pid in clock ticks since boot, 0 where it is gone; see process_info. */
uint64_t process__read_start_time(pid_t pid);

/* Its name as the kernel has it, not yet fit for a terminal. False where it is gone. */
bool process__read_comm(pid_t pid, char comm[PROCESS_COMM_SIZE]);

#endif
