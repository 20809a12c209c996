/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The probe plan of one file for the order of locks: the pthread functions that it defines, and
 * those that free blocks, as locks end with the blocks they lie in.
 */
#ifndef MEMTRACE_PROBE_LOCK_PLAN_H
#define MEMTRACE_PROBE_LOCK_PLAN_H

#include "probe/plan.h"

/*
 * Plans the probes for the file open at @fd. As plan__make; the sites are those of the programs
 * PROBE_PROGRAM_ORDER_* and the loader's.
 */
int lock_plan__make(
	struct probe_plan *plan, int fd, const struct plan_options *options, struct error *error);

/* Whether there is any site of a function that takes locks. */
bool lock_plan__has_locks(const struct probe_plan *plan);

#endif
