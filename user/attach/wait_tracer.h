/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The tracer of futex waits: loads bpf/contention.bpf.c, gives it the unwind tables of the
 * processes that are traced, and hands out what it sends. One thread.
 */
#ifndef MEMTRACE_ATTACH_WAIT_TRACER_H
#define MEMTRACE_ATTACH_WAIT_TRACER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "contention.h"

struct wait_tracer;

/* A stack is handed out before the first wait that refers to it. */
struct wait_handlers {
	void (*stack)(void *context, const struct event_stack *stack);
	void (*wait)(void *context, const struct contention_wait *wait);
	void *context;
};

/* Room for the waits of 50 ms, were there 300,000 a second. */
#define WAIT_RING_SIZE (16ull << 20)

struct wait_tracer_options {
	unsigned int namespace_level; /* looker__namespace_level */
	bool all;		      /* every process, but those that wait_tracer__ignore names */
	uint64_t ring_size;	      /* bytes, a power of two; 0: WAIT_RING_SIZE */
};

/* Loads the programs; nothing runs yet. 0 or a negative errno with @error set. */
int wait_tracer__new(const struct wait_tracer_options *options,
	const struct wait_handlers *handlers, struct wait_tracer **out, struct error *error);
/* Takes the programs out. */
void wait_tracer__free(struct wait_tracer *tracer);

/* Traces process @pid, with its unwind tables from the first wait on. 0 or a negative errno. */
int wait_tracer__add(struct wait_tracer *tracer, pid_t pid, struct error *error);

/*
 * The process has other code than is known, or was not known: reads its mappings, and loads the
 * tables of its image @mm. 0 or a negative errno: its stacks are then by frame pointers.
 */
int wait_tracer__refresh(struct wait_tracer *tracer, pid_t pid, uint64_t mm);

/* The waits of @pid are not wanted. */
void wait_tracer__ignore(struct wait_tracer *tracer, pid_t pid);

/* Process @pid is gone. */
void wait_tracer__drop(struct wait_tracer *tracer, pid_t pid);

/* From now on waits are traced. */
int wait_tracer__start(struct wait_tracer *tracer, struct error *error);

/* No more; what was sent can still be read. */
void wait_tracer__stop(struct wait_tracer *tracer);

/* Readable when there is much to be read, or a process without tables; read it now and then. */
int wait_tracer__fd(const struct wait_tracer *tracer);
void wait_tracer__read(struct wait_tracer *tracer);

/* Hands out, to @handlers.wait, the waits that have not ended: their time_ns is 0. */
void wait_tracer__read_open(struct wait_tracer *tracer);

/* What was counted so far. 0 or a negative errno. */
int wait_tracer__count(const struct wait_tracer *tracer, struct contention_counters *out);

#endif
