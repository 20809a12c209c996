/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Asks the allocators of running processes which blocks are still allocated: reads what lies around
 * them (census/glibc_chunk.h) from outside.
 */
#ifndef MEMTRACE_CMD_LIVENESS_H
#define MEMTRACE_CMD_LIVENESS_H

#include "event.h"
#include "process/spaces.h"
#include "sampling/sampling.h"

struct liveness_asker;

/* NULL: no memory. @spaces is borrowed. */
struct liveness_asker *liveness_asker__new(struct spaces *spaces);
void liveness_asker__free(struct liveness_asker *asker);

typedef void liveness_fn(void *context, const struct event_liveness *answer);

/* Calls @tell with the answer for each block whose process runs. */
void liveness_asker__ask(struct liveness_asker *asker, const struct asked_block *blocks,
	size_t count, liveness_fn *tell, void *context);

#endif
