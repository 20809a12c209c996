/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What bpf/locks.bpf.c counts for user/blocked/watcher.c. */
#ifndef MEMTRACE_WATCH_H
#define MEMTRACE_WATCH_H

#include "event.h"

/*
 * Waits that are under way, counted by when they began: a bucket is 100 ms, and 1,024 of them reach
 * back 102 s. So user space sees without a pass over all threads whether a wait has just grown
 * old. A wait older than that shares a bucket with a younger one, which costs a needless look.
 */
#define WATCH_BUCKET_NS 100000000ull
#define WATCH_BUCKETS 1024

/* Per CPU; a wait may end on another CPU than it began on, so only the sums mean something. */
struct watch_counters {
	__u64 seen;	  /* waits that began */
	__u64 long_ended; /* waits that ended after the threshold */
	__u64 no_memory;  /* waits that could not be noted */
	__u64 lost;	  /* long waits whose end found the ring full */
	__s64 open[WATCH_BUCKETS];
};

#endif
