/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The order of locks (order.bpf.c): a lock asked for while others are held, sent once. */
#ifndef MEMTRACE_ORDER_NESTING_BPF_H
#define MEMTRACE_ORDER_NESTING_BPF_H

#include "order_thread.bpf.h"

/* Nestings that were sent: their hashes, in buckets. A full one forgets: then it is sent again. */
#define SENT_WAYS 4
#define SENT_BUCKETS 32768

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENT_BUCKETS);
	__type(key, __u32);
	__type(value, __u64[SENT_WAYS]);
} order_sent SEC(".maps");

/* When a lock was let go by a thread that was not seen to take it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct order_lock_key);
	__type(value, __u64);
} order_let_go SEC(".maps");

static __always_inline __u64 *sent_bucket(__u64 hash)
{
	__u32 index = hash >> 40 & (SENT_BUCKETS - 1);

	return bpf_map_lookup_elem(&order_sent, &index);
}

static __always_inline bool was_sent(const __u64 *bucket, __u64 hash)
{
	for (int way = 0; way < SENT_WAYS; way++)
		if (bucket[way] == hash)
			return true;
	return false;
}

static __always_inline void note_sent(__u64 *bucket, __u64 hash)
{
	for (int way = 0; way < SENT_WAYS; way++) {
		if (!bucket[way]) {
			bucket[way] = hash;
			return;
		}
	}
	bucket[hash >> 8 & (SENT_WAYS - 1)] = hash;
}

struct held_check {
	struct order_thread *thread;
	__u32 left; /* of those held, to be looked at */
	__u32 reserved;
};

static long check_step(__u32 step, struct held_check *check)
{
	struct order_thread *thread = check->thread;
	struct order_lock_key key = {.process = thread->event.header.process};
	struct order_held *held;
	__u64 *when;

	if (!check->left)
		return 1;
	check->left--;
	held = held_at(thread, check->left);
	key.address = held->lock;
	when = bpf_map_lookup_elem(&order_let_go, &key);
	if (!when || *when < held->since_ns)
		return 0;
	thread->held_hash -= held->mark;
	*held = *held_at(thread, thread->count - 1);
	thread->count--;
	return 0;
}

/* Takes what another thread has let go meanwhile off the list. */
static __noinline int drop_let_go(struct order_thread *thread)
{
	struct held_check check = {.thread = thread, .left = thread->count};

	bpf_loop(ORDER_MAX_HELD, check_step, &check, 0);
	return 0;
}

struct nesting {
	__u64 lock;
	__u64 stack;
	__u32 facts;
	__u16 flags;
};

/* Sends the first @count of those held, with the lock that is asked for. */
static __noinline int send_nesting(
	struct order_thread *thread, const struct nesting *nesting, __u32 count)
{
	struct order_nested *event = &thread->event;
	__u32 size;

	count &= ORDER_MAX_HELD - 1;
	event->header.time_ns = bpf_ktime_get_ns();
	event->header.flags = nesting->flags;
	event->lock = nesting->lock;
	event->stack = nesting->stack;
	event->facts = nesting->facts;
	event->count = count;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	size = sizeof(*event) + count * sizeof(struct order_held);
	if (size > sizeof(*event) + sizeof(thread->held))
		size = sizeof(*event);
	/* What a shared lock lies in is to be looked up while the process lives. */
	if (bpf_ringbuf_output(&ring, event, size,
		    nesting->facts & ORDER_SHARED ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP)) {
		__sync_fetch_and_add(&order_shared.ring_full, 1);
		return -1;
	}
	__sync_fetch_and_add(&order_shared.nested, 1);
	return 0;
}

/* The same unless it was done; @hash of those that are held. */
static __always_inline void send_new_nesting(
	struct order_thread *thread, const struct nesting *nesting, __u64 hash, __u32 count)
{
	__u64 key = mix(mix(hash + nesting->flags, nesting->lock),
		nesting->stack + ((__u64)thread->event.header.tid << 32) +
			*epoch_of(nesting->lock));
	__u64 *bucket = sent_bucket(key);

	if (!bucket || was_sent(bucket, key))
		return;
	if (!send_nesting(thread, nesting, count))
		note_sent(bucket, key);
}

#endif
