/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What `memtrace top` shows: a copy of the heap's figures, refreshed once a second, in the order
 * and with the filter that the person chose. Copying is cheap (counters of each site; no pass over
 * the live blocks), and names are looked up only for what is shown or filtered.
 */
#ifndef MEMTRACE_REPORT_TOP_MODEL_H
#define MEMTRACE_REPORT_TOP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "heap/heap.h"
#include "report/model.h"

/* Points of the sparkline; wider terminals show as many. */
#define TOP_HISTORY 256

enum top_column {
	TOP_LIVE = 0,  /* bytes */
	TOP_GROWTH,    /* bytes live now less those at the baseline */
	TOP_BLOCKS,    /* live */
	TOP_RATE,      /* allocations a second, since the refresh before */
	TOP_ALLOCATED, /* bytes since the start */
	TOP_CALLS,
	TOP_TEMPORARY,
	TOP_PEAK, /* bytes at the heap's peak */
	TOP_COLUMN_COUNT,
};

struct top_row {
	uint32_t id; /* of the site */
	int64_t values[TOP_COLUMN_COUNT];
};

enum top_thread_column {
	TOP_THREAD_RATE = 0, /* allocations a second */
	TOP_THREAD_CALLS,
	TOP_THREAD_BYTES,
	TOP_THREAD_FREES,
	TOP_THREAD_TEMPORARY,
	TOP_THREAD_COLUMN_COUNT,
};

struct top_thread_row {
	uint32_t tid; /* 0: all threads beyond HEAP_MAX_THREADS */
	uint32_t pid; /* 0: unknown */
	int64_t values[TOP_THREAD_COLUMN_COUNT];
};

/* What a site was at an earlier moment. */
struct top_past {
	uint64_t live_bytes;
	uint64_t alloc_count;
};

struct top_name {
	char *title; /* the innermost frame that is not plumbing; NULL: not asked for yet */
	char *stack; /* a line for each frame, innermost first */
};

struct top_model {
	report_name_fn *name;
	void *name_context;
	struct heap_totals totals;
	uint64_t now_ns; /* of the latest refresh, CLOCK_MONOTONIC */
	double rate;	 /* allocations a second */
	uint64_t history[TOP_HISTORY];
	size_t history_size;
	VEC(struct top_row) all;  /* by site id */
	VEC(struct top_row) rows; /* as shown */
	VEC(struct top_thread_row) threads;
	VEC(struct top_past) before;   /* by site id: at the refresh before */
	VEC(struct top_past) baseline; /* by site id */
	VEC(uint64_t) threads_before;  /* calls, by thread index */
	uint64_t baseline_live;	       /* bytes of the whole heap */
	VEC(struct top_name) names;    /* by site id */
	size_t unnamed;		       /* sites that the filter does not know yet */
	enum top_column sort;
	enum top_thread_column thread_sort;
	bool reverse;	 /* the smallest first */
	char filter[64]; /* "": none; in any frame's text, case does not matter */
};

/* @model is {0} with `name` set. Free it in any case. */
void top_model__free(struct top_model *model);

/* Copies the figures; the caller holds the stream's lock. 0 or -ENOMEM. */
int top_model__copy(struct top_model *model, const struct heap *heap, uint64_t now_ns);

/*
 * Sorts and filters what was copied, naming sites for the filter (a bounded number each time, the
 * rest is in `unnamed`). @heap is read under the lock by @lock, for the frames. 0 or -ENOMEM.
 */
struct top_lock {
	void (*take)(void *context);
	void (*release)(void *context);
	void *context;
};
int top_model__arrange(
	struct top_model *model, const struct heap *heap, const struct top_lock *lock);

/* The names of a site, asked for when not known; NULL: no memory. */
const struct top_name *top_model__name(
	struct top_model *model, const struct heap *heap, const struct top_lock *lock, uint32_t id);

/* Growth counts from now on. 0 or -ENOMEM. */
int top_model__set_baseline(struct top_model *model);

#endif
