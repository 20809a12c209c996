/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * From the tracer of waits to the model of contention: names stacks when they are first seen,
 * judges each pair of a futex word and a stack once, and hands the model named waits.
 */
#ifndef MEMTRACE_CMD_CONTENTION_FEED_H
#define MEMTRACE_CMD_CONTENTION_FEED_H

#include "attach/wait_tracer.h"
#include "blocked/wait_names.h"
#include "blocked/watch_filter.h"
#include "contention/contention.h"

struct contention_feed;

struct contention_feed_options {
	unsigned int namespace_level;
	bool lines;		     /* source lines and inlined functions */
	bool all;		     /* every process that @filter wants */
	struct watch_filter *filter; /* the caller's */
	uint64_t memory_limit;	     /* bytes of the model, roughly; 0: none */
};

/* Loads the programs; 0 or a negative errno with @error set. */
int contention_feed__new(const struct contention_feed_options *options,
	struct contention_feed **out, struct error *error);
void contention_feed__free(struct contention_feed *feed);

/* Traces process @pid. 0 or a negative errno with @error set. */
int contention_feed__add(struct contention_feed *feed, pid_t pid, struct error *error);

/* From now on; then contention_feed__fd is readable when contention_feed__read should come soon. */
int contention_feed__start(struct contention_feed *feed, struct error *error);
int contention_feed__fd(const struct contention_feed *feed);
void contention_feed__read(struct contention_feed *feed);

/* A wait that a look saw, and that had begun before the start. 0 or -ENOMEM. */
int contention_feed__add_open(struct contention_feed *feed, const struct lock_wait *wait);

/* No more: takes the programs out, reads what is left, and notes the waits that have not ended. */
void contention_feed__stop(struct contention_feed *feed);

struct contention *contention_feed__model(struct contention_feed *feed);

void contention_feed__losses(const struct contention_feed *feed, struct contention_losses *out);

#endif
