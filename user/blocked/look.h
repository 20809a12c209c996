/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A look at all threads of the machine, by the BPF iterator of bpf/look.bpf.c: nothing is stopped.
 * Where the kernel has no such iterator, /proc/PID/task/TID/{stat,status,syscall} serve: the same
 * facts, gathered more slowly and without callee-saved registers.
 */
#ifndef MEMTRACE_BLOCKED_LOOK_H
#define MEMTRACE_BLOCKED_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "look_thread.h"

/* Threads of one look, ascending by (pid, tid). */
struct look {
	struct look_thread *threads;
	size_t count;
	uint64_t taken_ns;	/* CLOCK_MONOTONIC, at its beginning */
	uint64_t taken_unix_ns; /* CLOCK_REALTIME, then */
	bool complete; /* every thread of the machine, none hidden in other pid namespaces */
};

struct looker;

/*
 * Prepares for looks; @proc_only: without BPF. Falls back to /proc by itself, with a line for -v.
 * Returns 0 or a negative errno. The caller calls looker__free.
 */
int looker__new(bool proc_only, struct looker **out, struct error *error);
void looker__free(struct looker *looker);

/* Whether it works through /proc. */
bool looker__uses_proc(const struct looker *looker);

/*
 * Looks. Through /proc only the processes @pids are looked at, if there are any; BPF takes all in
 * one pass. Returns 0 or a negative errno; the caller calls look__free.
 */
int looker__look(struct looker *looker, const pid_t *pids, size_t pid_count, struct look *out,
	struct error *error);
void look__free(struct look *look);

/* R, S, D, T, t, Z, X, I as /proc has it. */
char look_thread__state(const struct look_thread *thread);

/*
 * How deep our own pid namespace lies below the first, which BPF programs need to number tasks as
 * we do. Known after the first look; 0 through /proc.
 */
unsigned int looker__namespace_level(const struct looker *looker);

#endif
