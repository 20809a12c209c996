/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the files of the model share. */
#ifndef MEMTRACE_ORDER_PRIVATE_H
#define MEMTRACE_ORDER_PRIVATE_H

#include "base/hash.h"
#include "order/order.h"

/* A lock that was held, and how. */
struct order_mark {
	uint32_t lock;
	bool for_reading;
};

DEFINE_HASH_PAIR(order_numbers, uint32_t);
DEFINE_HASH_NUMBER(order_sites, uint64_t, uint64_t);

struct order_model {
	order_describe_fn *describe;
	void *context;
	uint64_t attached_ns;
	VEC(struct order_lock) locks;
	VEC(struct order_edge) edges;
	VEC(struct order_use) uses;
	VEC(struct order_mark) marks;
	VEC(struct order_thread_life) threads;
	struct order_numbers by_address; /* (process, address) -> lock */
	struct order_numbers ended;	 /* the same of the last one there that is gone */
	struct order_numbers by_key;	 /* shared ones */
	struct order_numbers by_ends;	 /* (from, to) -> edge */
	struct order_numbers by_thread;	 /* (process and TID, start) -> thread */
	struct order_sites sites;	 /* of stacks */
	struct order_totals totals;
};

/* Whether one who has @lock as @held says keeps out who asks for it as @asked says. */
bool order__keeps_out(
	const struct order_model *model, uint32_t lock, uint32_t held, uint32_t asked);

/* Whether two threads can be where these uses have them at the same time: no gate is around both.
 */
bool order__can_coincide(
	const struct order_model *model, const struct order_use *a, const struct order_use *b);

#endif
