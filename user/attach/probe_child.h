/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A sacrificial child that calls a probed function of memtrace's own code: how the kernel's probes
 * behave is seen on it, whatever that does to it.
 */
#ifndef MEMTRACE_ATTACH_PROBE_CHILD_H
#define MEMTRACE_ATTACH_PROBE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

enum child_task {
	CHILD_CALLS = 0,       /* calls the function */
	CHILD_CALLS_CONFINED,  /* calls it under a seccomp filter that kills */
	CHILD_CALLS_AND_LOOKS, /* and exits with 1 if the kernel single-stepped */
};

struct probe_child {
	pid_t pid;
	int go_fd; /* closing it after writing a byte lets the child run */
};

/* Where the function starts in the file: its first instruction is a multi-byte nop on x86-64. */
int probe_child__offset(unsigned long long *offset);

/* The same of another function of memtrace's own. */
int probe_child__offset_of(void (*function)(void), unsigned long long *offset);

/* Forks the child, which waits. 0, or -errno. */
int probe_child__start(struct probe_child *child, enum child_task task);

/*
 * Lets it run, waits for its end, at most two seconds, then kills it. Returns the wait status of
 * wait(2), or -ETIMEDOUT.
 */
int probe_child__finish(struct probe_child *child);

#endif
