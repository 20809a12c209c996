/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The table of calls in flight that end at a `ret` (bpf/own_calls.bpf.h), as user space tends it.
 */
#include "own_calls.h"

#include <bpf/bpf.h>

#include "attach/tracer_private.h"

static int table_of(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skel->maps.own_calls);
}

/* The key after *@key, or (NULL) the first; false: there is none, as nearly always. */
static bool find_next(
	const struct tracer *tracer, const struct own_call_key *key, struct own_call_key *next)
{
	return __atomic_load_n(&tracer->shared->own_calls, __ATOMIC_RELAXED) &&
	       !bpf_map_get_next_key(table_of(tracer), key, next);
}

static void forget(struct tracer *tracer, const struct own_call_key *key)
{
	struct own_call call;

	if (bpf_map_lookup_elem(table_of(tracer), key, &call) ||
		bpf_map_delete_elem(table_of(tracer), key))
		return;
	__atomic_fetch_sub(&tracer->shared->own_calls, 1, __ATOMIC_RELAXED);
	if (call.is_left)
		__atomic_fetch_add(
			&tracer->shared->losses[LOSS_RETURN_MISSED], 1, __ATOMIC_RELAXED);
}

void tracer__forget_own_calls(struct tracer *tracer, uint32_t process)
{
	struct own_call_key key, next;
	bool more = find_next(tracer, NULL, &next);

	/* The one after is asked for while the one at hand is still there. */
	while (more) {
		key = next;
		more = find_next(tracer, &key, &next);
		if (key.process == process)
			forget(tracer, &key);
	}
}

uint64_t tracer__left_own_calls(const struct tracer *tracer)
{
	struct own_call_key key;
	struct own_call call;
	uint64_t left = 0;
	size_t seen = 0;

	/* Calls that end meanwhile make the iteration begin anew: it is bounded. */
	for (bool more = find_next(tracer, NULL, &key); more && seen < MAX_OWN_CALLS; seen++) {
		left += !bpf_map_lookup_elem(table_of(tracer), &key, &call) && call.is_left;
		more = find_next(tracer, &key, &key);
	}
	return left;
}
