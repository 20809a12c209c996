/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace serve: traces the waits for locks of what is traced, on a thread of its own. Any other
 * may ask.
 */
#ifndef MEMTRACE_CMD_SERVE_WAITS_H
#define MEMTRACE_CMD_SERVE_WAITS_H

#include "cmd/serve_locks.h"
#include "report/contention.h"

struct serve_waits;

/* @pids as serve_locks__start has it. NULL, with @error set: not possible here, or no memory. */
struct serve_waits *serve_waits__start(
	serve_pids_fn *pids, void *context, uint64_t memory_limit, struct error *error);
bool serve_waits__stop(struct serve_waits *waits, unsigned int limit_ms);

/*
 * The model, and what it lacks, of the run so far; until serve_waits__unlock it does not change.
 * NULL for @waits NULL.
 */
const struct contention_report *serve_waits__lock(struct serve_waits *waits);
void serve_waits__unlock(struct serve_waits *waits);

#endif
