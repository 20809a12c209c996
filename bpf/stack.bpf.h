/*
 * Stacks of allocations: taken at the function's return, sent once, referred to by hash.
 */
#ifndef MEMTRACE_STACK_BPF_H
#define MEMTRACE_STACK_BPF_H

#include "state.bpf.h"

const volatile __u32 stack_mode = STACKS_FP;
const volatile __u32 max_frames = EVENT_MAX_FRAMES;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENT_STACK_BUCKETS);
	__type(key, __u32);
	__type(value, __u64[SENT_STACK_WAYS]);
} sent_stacks SEC(".maps");

/* An odd constant with well spread bits (the golden ratio's). */
#define HASH_MULTIPLIER 0x9e3779b97f4a7c15ull

static __always_inline __u64 mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * HASH_MULTIPLIER;
	return hash ^ (hash >> 29);
}

static __always_inline __u64 hash_frames(struct thread_state *state, __u32 count)
{
	__u64 hash = mix(shared.stack_epoch, state->process);

	for (__u32 i = 0; i < EVENT_MAX_FRAMES; i++) {
		if (i >= count)
			break;
		hash = mix(hash, state->stack.frames[i]);
	}
	return hash ? hash : 1;
}

static __always_inline int send_stack(
	struct thread_state *state, __u64 hash, __u32 count, enum stack_stop stop)
{
	struct event_stack *record = &state->stack;
	__u32 size = sizeof(*record) + count * sizeof(__u64);

	fill_header(&record->header, state, EVENT_STACK, 0);
	record->header.flags = stop;
	record->stack = hash;
	record->frame_count = count;
	/* For the verifier: the size is at most that of the buffer. */
	if (size > sizeof(state->stack_room))
		size = sizeof(state->stack_room);
	return bpf_ringbuf_output(&ring, record, size, BPF_RB_NO_WAKEUP);
}

/* Sends the stack in state->stack unless that was done; returns its hash. */
static __noinline __u64 publish_stack(struct thread_state *state, __u32 count, __u32 stop)
{
	__u64 hash, *bucket;
	__u32 index;

	if (!state)
		return 0;
	hash = hash_frames(state, count);
	index = (hash >> 40) % SENT_STACK_BUCKETS;
	bucket = bpf_map_lookup_elem(&sent_stacks, &index);
	if (!bucket)
		return 0;
	for (int way = 0; way < SENT_STACK_WAYS; way++)
		if (bucket[way] == hash)
			return hash;
	if (send_stack(state, hash, count, stop)) {
		count_loss(LOSS_STACK_RING_FULL);
		return hash;
	}
	/* Which way to replace: bits of the hash that did not choose the bucket. */
	for (int way = 0; way < SENT_STACK_WAYS; way++) {
		if (bucket[way] == 0) {
			bucket[way] = hash;
			return hash;
		}
	}
	bucket[(hash >> 8) % SENT_STACK_WAYS] = hash;
	return hash;
}

/* The kernel's frame-pointer walk. At a function's return its first frame is the caller. */
static __always_inline __u64 capture_fp(struct pt_regs *ctx, struct thread_state *state)
{
	long bytes;

	state->stack.guessed_frames = 0;
	bytes = bpf_get_stack(
		ctx, state->stack.frames, EVENT_MAX_FRAMES * sizeof(__u64), BPF_F_USER_STACK);
	if (bytes < 8) {
		state->stack.frames[0] = PT_REGS_IP(ctx);
		bytes = 8;
	}
	return publish_stack(state, (__u32)bytes / 8, STACK_NOT_WALKED);
}

static __always_inline __u64 capture_stack(struct pt_regs *ctx, struct thread_state *state)
{
	if (stack_mode == STACKS_NONE)
		return 0;
	return capture_fp(ctx, state);
}

#endif
