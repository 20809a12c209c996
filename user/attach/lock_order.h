/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a tracer of the order of locks keeps in the kernel: counters, and how long locks are held.
 */
#ifndef MEMTRACE_ATTACH_LOCK_ORDER_H
#define MEMTRACE_ATTACH_LOCK_ORDER_H

#include "attach/tracer.h"
#include "order_records.h"

/* What was counted; it goes on counting while the tracer is enabled. */
const struct order_shared *lock_order__shared(const struct tracer *tracer);

/* A lock at @address is none any more: what the kernel's side knows of it is forgotten. */
void lock_order__forget(struct tracer *tracer, uint64_t address);

/* Hands out how long each lock was held that was let go and not destroyed. 0 or a negative errno.
 */
typedef int lock_order_hold_fn(
	void *context, const struct order_lock_key *key, const struct order_hold *hold);
int lock_order__holds(const struct tracer *tracer, lock_order_hold_fn *each, void *context);

#endif
