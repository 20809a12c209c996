/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which stacks have been sent already: by hash, in buckets of a few. Include it once an object. */
#ifndef MEMTRACE_SENT_STACKS_BPF_H
#define MEMTRACE_SENT_STACKS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "tracer_shared.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENT_STACK_BUCKETS);
	__type(key, __u32);
	__type(value, __u64[SENT_STACK_WAYS]);
} sent_stacks SEC(".maps");

/* NULL never happens; the verifier asks. */
static __always_inline __u64 *sent_stack_bucket(__u64 hash)
{
	__u32 index = (hash >> 40) % SENT_STACK_BUCKETS;

	return bpf_map_lookup_elem(&sent_stacks, &index);
}

static __always_inline bool stack_was_sent(const __u64 *bucket, __u64 hash)
{
	for (int way = 0; way < SENT_STACK_WAYS; way++)
		if (bucket[way] == hash)
			return true;
	return false;
}

static __always_inline void note_sent_stack(__u64 *bucket, __u64 hash)
{
	for (int way = 0; way < SENT_STACK_WAYS; way++) {
		if (bucket[way] == 0) {
			bucket[way] = hash;
			return;
		}
	}
	/* Which one to forget: bits of the hash that did not choose the bucket. */
	bucket[(hash >> 8) % SENT_STACK_WAYS] = hash;
}

#endif
