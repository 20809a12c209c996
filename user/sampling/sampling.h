/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What windows (--budget) tell of the whole run: the records of a run whose probes are there for a
 * part of the time only, and estimates with their standard errors. Pure: it is fed records, live or
 * from a recording, with the call site that each allocation has in the heap model.
 *
 * Rates. Windows come at random times. A site's total is what was seen in them, and for the time
 * between two the mean of the rates in both: windows are longer when less happens, so each stands
 * for the time around it and not for its length. The variance comes from the differences between
 * neighbours, sum(gap^2 (r - r')^2 / 2). A thread that is slowed by its probes gets less done in a
 * window than it would: its counts are divided by 1 - p, where p is the probes' part of the time
 * that it ran, times the part of the window in which it ran or waited for a processor that was
 * taken from it; how well the price of a probe is known is a part of the error. Where few were seen
 * the error is no less than that of a Poisson count (Gehrels 1986, 1 + sqrt(n + 3/4)).
 *
 * What stays. Blocks that were allocated in the first half of a window and not freed by its end are
 * candidates; a random sample of them is kept (each stands for `weight` blocks), and asked for
 * later in the allocator's own bookkeeping (EVENT_LIVENESS). One that is found free once, or whose
 * address is freed or given out in a later window, is dead. But an address may have been freed and
 * given out again unseen: so blocks that were seen being freed are kept in the same way, as
 * controls. The part of them, in the same class of sizes, that passes for allocated is the rate of
 * false answers q, and a of the candidates still there means (a - q)/(1 - q) of them.
 */
#ifndef MEMTRACE_SAMPLING_SAMPLING_H
#define MEMTRACE_SAMPLING_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "event.h"

struct sampling;

/* NULL: no memory. */
struct sampling *sampling__new(void);
void sampling__free(struct sampling *sampling);

/* Applies a record; @site is that of an allocation's stack. 0 or -ENOMEM. */
int sampling__apply(
	struct sampling *sampling, const struct event_header *event, size_t size, uint32_t site);

/* A block whose liveness is to be asked. */
struct asked_block {
	uint32_t process;
	bool is_freed; /* a control: it was seen being freed, whoever has its address now */
	uint64_t address;
	uint64_t size; /* as requested */
};
typedef VEC(struct asked_block) asked_blocks;

/*
 * Appends those that are due at @now_ns, with @all every one: a block is asked for again when it
 * has become twice as old. 0 or -ENOMEM; the caller frees @blocks.
 */
int sampling__due(struct sampling *sampling, uint64_t now_ns, bool all, asked_blocks *blocks);

/* --- questions */

/* With its standard error. */
struct estimate {
	double value;
	double error;
};

struct sampled_site {
	uint32_t site;
	uint64_t seen_count; /* in windows */
	uint64_t seen_bytes;
	struct estimate alloc_count; /* in the whole run */
	struct estimate alloc_bytes;
	struct estimate surviving_bytes; /* allocated in the run, and still there */
	struct estimate surviving_count;
	struct estimate growth; /* bytes a second that stay, by the older half of the sample */
	uint64_t asked_count;	/* blocks of that half */
	uint64_t alive_count;	/* of them, those that the allocator still has in use */
	uint64_t oldest_ns;	/* their ages */
	uint64_t youngest_ns;
	double reuse; /* q: of freed blocks, how many pass for allocated, 0 to 1 */
};

struct sampling_summary {
	double budget; /* of the time, that the probes may cost; 0: not known */
	uint64_t window_count;
	uint64_t window_ns;	/* of all windows together */
	uint64_t duration_ns;	/* from the first record to the last */
	uint64_t cost_ns;	/* of the probes */
	uint64_t worst_cost_ns; /* the most in windows that ended within one second */
	uint64_t seen_count;
	uint64_t seen_bytes;
	struct estimate alloc_count;
	struct estimate alloc_bytes;
	struct estimate surviving_bytes;
	uint64_t sample_count;	/* blocks that are being asked for, controls left out */
	uint64_t control_count; /* freed blocks with them */
	double reuse;		/* of all classes together */
	bool is_answered;	/* the bookkeeping can be read: what stays is known */
};

typedef VEC(struct sampled_site) sampled_sites;

/* Fills in both, the sites in no order; the caller frees @sites. 0 or -ENOMEM. */
int sampling__estimate(struct sampling *sampling, uint64_t now_ns, struct sampling_summary *summary,
	sampled_sites *sites);

#endif
