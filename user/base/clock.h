/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The clock that records, reports and waits are measured by, and the one of the day. */
#ifndef MEMTRACE_BASE_CLOCK_H
#define MEMTRACE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC in ns, as bpf_ktime_get_ns gives it. */
static inline uint64_t clock__now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* CLOCK_REALTIME: ns since 1970. */
static inline uint64_t clock__unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

#endif
