/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Reports of the order of locks: text of 80 columns, and JSON. */
#ifndef MEMTRACE_REPORT_ORDER_H
#define MEMTRACE_REPORT_ORDER_H

#include <stdio.h>

#include "locks/waits.h"
#include "order/order.h"

/* A stack with its names. */
struct order_stack {
	const struct lock_frame *frames; /* innermost first */
	size_t count;
	size_t first; /* below it are frames of the C library itself */
	bool is_cut;
};

struct order_target {
	pid_t pid;
	const char *command;
};

struct order_losses {
	uint64_t ring_full;    /* records: a nesting is sent again when it is next met */
	uint64_t held_full;    /* locks that were not noted */
	uint64_t holds_full;   /* holds that are in no sum */
	uint64_t stacks_lost;  /* stack records that found the ring full */
	uint64_t threads_lost; /* no memory for a thread's state: its calls were not seen */
	uint64_t late;	       /* libraries, or processes, that ran before they had their probes */
};

struct order_report {
	const struct order_model *model;
	const order_findings *findings; /* those that are not suppressed */
	uint64_t suppressed;
	struct order_totals totals;
	struct order_losses losses;
	const struct order_target *targets;
	size_t target_count;
	uint64_t start_unix_ns;
	uint64_t duration_ns;
	size_t top; /* locks by how long they were held */
	bool full_stacks;
	/* The stack of that hash; NULL: it was lost. */
	const struct order_stack *(*stack)(void *context, uint64_t hash);
	/* The process of a number of an image. */
	pid_t (*pid)(void *context, uint32_t process);
	void *context;
};

/* 0 or -ENOMEM; errors of the stream are the caller's (ferror). */
int order_text__write(const struct order_report *report, FILE *file);
/* The same; @version is the program's. */
int order_json__write(const struct order_report *report, const char *version, FILE *file);

/* "possible", "threads never ran at the same time"...: a word for each, for JSON. */
const char *order__meeting_name(enum order_meeting meeting);

/* Locks by how long they were held, the longest sum first; freed with vec_free. 0 or -ENOMEM. */
typedef VEC(uint32_t) order_ranking;
int order__rank_holds(const struct order_model *model, order_ranking *out);

#endif
