/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Samples of allocations that a program's own allocator takes and tells of by USDT probes
 * (otel_memory:alloc, otel_memory:free). A sample of `size` bytes stands for `weight` bytes, which
 * the allocator has chosen such that sums of weights are unbiased; they are added up as they are.
 *
 * Errors. If a block is sampled with probability p = size / weight, independently of others, the
 * variance of a sum of weights is estimated by the sum of weight * (weight - size) (Horvitz and
 * Thompson, for Poisson sampling). A block stands for weight / size blocks.
 *
 * Pure: it is fed records, live or from a recording, with the call site that each has in the heap
 * model.
 */
#ifndef MEMTRACE_SAMPLING_OWN_SAMPLES_H
#define MEMTRACE_SAMPLING_OWN_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "event.h"

struct own_samples;

/* NULL: no memory. */
struct own_samples *own_samples__new(void);
void own_samples__free(struct own_samples *samples);

/* Applies an EVENT_SAMPLE of @site, a _SAMPLE_FREE, _EXEC or _EXIT. 0, -EINVAL or -ENOMEM. */
int own_samples__apply(
	struct own_samples *samples, const struct event_header *event, size_t size, uint32_t site);

struct own_sums {
	uint64_t samples;
	uint64_t bytes;	 /* of the sampled blocks themselves */
	uint64_t weight; /* bytes that they stand for */
	double blocks;	 /* that they stand for */
	double variance; /* of the weight */
};

struct own_site {
	uint32_t site;
	struct own_sums allocated;
	struct own_sums live;	 /* in processes that run */
	struct own_sums at_exit; /* when their process ended */
};
typedef VEC(struct own_site) own_sites;

struct own_totals {
	struct own_sums allocated;
	struct own_sums live;
	struct own_sums at_exit;
	uint64_t unknown_frees; /* of blocks that were not sampled, or before the start */
};

/* The sites in the order in which they appeared: the samples', valid until the next record. */
const own_sites *own_samples__sites(const struct own_samples *samples);
struct own_totals own_samples__totals(const struct own_samples *samples);

#endif
