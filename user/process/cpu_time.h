/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Processor time of other processes and their threads, read without touching them. */
#ifndef MEMTRACE_PROCESS_CPU_TIME_H
#define MEMTRACE_PROCESS_CPU_TIME_H

#include <stdint.h>
#include <sys/types.h>

/* How a thread came to wait for a processor, since it began; 0 where the kernel keeps no books. */
struct cpu_waits {
	uint64_t delay_ns;  /* it could have run, and waited (proc(5), schedstat) */
	uint64_t woken;	    /* it went to sleep so often, */
	uint64_t preempted; /* and was taken the processor from so often (proc(5), status) */
};

struct cpu_waits cpu_time__waits(pid_t pid, pid_t tid);

/*
 * A clock of what thread @tid uses from now on, exact while it runs, too, with the threads that it
 * makes (perf_event_open(2), PERF_COUNT_SW_TASK_CLOCK). It costs the thread something at each
 * switch. A descriptor, closed by the caller, or a negative errno.
 */
int cpu_time__open_thread(pid_t tid);

/* Its ns so far. 0, or a negative errno. */
int cpu_time__read_thread(int fd, uint64_t *ns);

#endif
