/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A place in a file to probe, as chosen by plan.h and attached by links.h. */
#ifndef MEMTRACE_PROBE_PROBE_SITE_H
#define MEMTRACE_PROBE_PROBE_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

struct probe_site {
	uint64_t offset; /* in the file: what uprobes are keyed by */
	uint64_t cookie; /* PROBE_COOKIE of probe.h */
	/*
	 * The same at the function's entry, for when the kernel refuses this place, as another
	 * tracer's; @offset where there is no other.
	 */
	uint64_t entry_offset;
	uint64_t entry_cookie;
	uint64_t counter_offset; /* in the file: the kernel raises what is there; 0: nothing */
	bool emulated;		 /* the kernel need not single-step there */
	char name[72];		 /* "free+3": symbol and distance from its start */
	char reason[64];	 /* why there: "je, emulated" */
};

typedef VEC(struct probe_site) probe_sites;

#endif
