/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What `memtrace serve` tells Prometheus: the heap by processes and call sites, waits and
 * deadlocks, contended locks, losses, and memtrace itself. The number of time series is bounded: so
 * many processes, sites of each and locks, those that hold or cost most; the rest is summed up
 * where sums make sense.
 */
#ifndef MEMTRACE_REPORT_METRICS_H
#define MEMTRACE_REPORT_METRICS_H

#include "contention/contention.h"
#include "report/model.h"
#include "report/openmetrics.h"

/* Processes one by one, sites of each, and locks. */
#define METRICS_PROCESSES 100
#define METRICS_SITES 10
#define METRICS_LOCKS 20
/* A process that has ended keeps its last figures for so long. */
#define METRICS_ENDED_NS 300000000000ull

/* Where a process runs; "" unknown. */
struct metrics_container {
	const char *id;
	const char *pod;
};

/* What the last look at locks saw. */
struct metrics_waits {
	uint64_t threads; /* that wait for something */
	uint64_t longest_ns;
	uint64_t deadlocks;
	uint64_t hangs;
	uint64_t found; /* deadlocks and hangs since the start */
	uint64_t looks; /* 0: none was made, or none can be */
};

/* Messages for a collector. */
struct metrics_export {
	bool is_on;
	uint64_t sent;
	uint64_t failures; /* attempts that are to be repeated */
	uint64_t waiting;
	uint64_t queue_full; /* lost: */
	uint64_t refused;
	uint64_t too_old;
	uint64_t rejected; /* of messages that were taken, so many points or profiles */
};

/* memtrace itself. */
struct metrics_self {
	const char *version;
	uint64_t targets;
	uint64_t refused; /* processes that matched and cannot be traced */
	uint64_t sites;	  /* probe sites */
	double cpu_seconds;
	uint64_t resident_bytes;
	uint64_t memory_limit; /* bytes; 0: none */
	uint64_t folded;       /* stacks that were added up as one for want of room */
	uint64_t unfollowed;   /* blocks of which only the allocation is counted, for the same */
	uint64_t holds;
	uint64_t hold_ns;
	uint64_t requests;
	uint64_t refused_requests;
	uint64_t connections;
	struct metrics_export export;
};

struct metrics_source {
	const struct report *report; /* named, all sites */
	uint64_t now_ns;	     /* since the heap's start */
	const struct metrics_waits *waits;
	struct contention *contention; /* NULL: not traced */
	const struct metrics_self *self;
	struct metrics_container (*container)(const void *context, uint32_t pid);
	const void *context;
};

/* The same to @out, however that was made. 0 or -ENOMEM. */
int metrics__write_to(const struct metrics_source *source, struct openmetrics *out);

/* 0 or -ENOMEM. Errors of the stream are the caller's (ferror). */
int metrics__write(const struct metrics_source *source, bool is_older, FILE *file);

#endif
