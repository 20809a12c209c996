/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the probes cost the target, where that is bounded (--budget): traps are counted and the time
 * in the programs is measured; what a trap costs beside its program user space knows. Elsewhere
 * `measures_costs` is false when the programs are loaded, and the verifier leaves all this out.
 */
#ifndef MEMTRACE_COSTS_BPF_H
#define MEMTRACE_COSTS_BPF_H

#include "state.bpf.h"

const volatile bool measures_costs;

static __always_inline __u64 costs__begin(void)
{
	return measures_costs ? bpf_ktime_get_ns() : 0;
}

/* What the window may have is used up: once, by whoever comes to the limit. */
static __noinline int tell_spent(void)
{
	struct event_process event = {};

	event.header.kind = EVENT_WINDOW_SPENT;
	event.header.time_ns = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&control_ring, &event, sizeof(event), BPF_RB_FORCE_WAKEUP))
		count_loss(LOSS_CONTROL_RING_FULL);
	return 0;
}

/* At the end of every program on a uprobe; returns @result. */
static __always_inline int costs__end(__u64 begin, enum trap_kind kind, int result)
{
	__u64 spent, limit;

	if (!measures_costs)
		return result;
	__sync_fetch_and_add(&shared.costs.traps[kind], 1);
	spent = bpf_ktime_get_ns() - begin;
	spent += __sync_fetch_and_add(&shared.costs.program_ns, spent);
	limit = *(volatile __u64 *)&shared.costs.program_limit_ns;
	if (limit && spent >= limit &&
		__sync_val_compare_and_swap(&shared.costs.program_limit_ns, limit, 0) == limit)
		tell_spent();
	return result;
}

#endif
