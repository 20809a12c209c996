/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/lock_order.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "attach/tracer_private.h"
#include "unwind.h"

const struct order_shared *lock_order__shared(const struct tracer *tracer)
{
	return &tracer->skel->bss->order_shared;
}

void lock_order__forget(struct tracer *tracer, uint64_t address)
{
	uint64_t hash = (address >> ORDER_GRAIN_SHIFT) * UNWIND_MIX;

	/* As epoch_of of bpf/order.bpf.c. */
	__atomic_fetch_add(&tracer->skel->bss->order_shared.epochs[hash >> 48 & (ORDER_EPOCHS - 1)],
		1, __ATOMIC_RELAXED);
}

int lock_order__holds(const struct tracer *tracer, lock_order_hold_fn *each, void *context)
{
	int fd = bpf_map__fd(tracer->skel->maps.order_holds), err = 0;
	struct order_lock_key key, *before = NULL;
	struct order_hold hold;

	while (!err && !bpf_map_get_next_key(fd, before, &key)) {
		before = &key;
		if (!bpf_map_lookup_elem(fd, &key, &hold))
			err = each(context, &key, &hold);
	}
	return err;
}
