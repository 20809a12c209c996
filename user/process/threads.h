/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The threads of a process, and what each is called inside its own pid namespace. */
#ifndef MEMTRACE_PROCESS_THREADS_H
#define MEMTRACE_PROCESS_THREADS_H

#include "process/process.h"

struct thread_info {
	pid_t tid;     /* as we see it */
	pid_t own_tid; /* in the innermost pid namespace: what gettid and lock words say */
	char state;    /* R, S, D, T, t, Z, X, I: proc_pid_stat(5); 0 unknown */
	char comm[PROCESS_COMM_SIZE]; /* printable */
};

struct threads {
	struct thread_info *data; /* ascending by tid */
	size_t size;
};

/*
 * Lists the threads of process @pid; the caller calls threads__free. Threads that come or go
 * meanwhile may be missing. Returns 0 or a negative errno (-ESRCH: the process is gone).
 */
int threads__list(pid_t pid, struct threads *out, struct error *error);
void threads__free(struct threads *threads);

/* The thread with that TID as we see it, or as it sees itself; NULL where there is none. */
const struct thread_info *threads__find(const struct threads *threads, pid_t tid);
const struct thread_info *threads__find_own(const struct threads *threads, pid_t own_tid);

/*
 * The number under which /proc shows what the threads of @pid share, such as its memory and its
 * root: its own, or where its first thread has ended and others run, the TID of one of these.
 */
pid_t threads__shown(pid_t pid);

/* Reads one thread of process @pid. Returns 0 or a negative errno (-ESRCH: it is gone). */
int threads__read_one(pid_t pid, pid_t tid, struct thread_info *out);

#endif
