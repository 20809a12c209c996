/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Samples of a process's page faults: a perf event on each of its threads, which the threads and,
 * if wanted, the children that it makes later inherit, with a BPF program on it. Faults of other
 * processes cost nothing.
 */
#ifndef MEMTRACE_ATTACH_FAULTS_H
#define MEMTRACE_ATTACH_FAULTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vec.h"

typedef VEC(int) fault_events;

/*
 * Opens the events of process @pid, to which the perf_event program @program_fd is attached, and
 * appends them to @events. Returns 0, or a negative errno with @error set (-ESRCH: it is gone).
 */
int faults__watch(
	fault_events *events, int program_fd, pid_t pid, bool follow, struct error *error);

/* Ends them, also in the threads and children that inherited them. */
void faults__close(fault_events *events);

#endif
