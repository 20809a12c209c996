/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Programs on the probes that an allocator has for the samples that it takes itself: USDT
 * otel_memory:alloc(ptr, size, weight) and otel_memory:free(ptr). The cookie is the number of the
 * place, by which the arguments are found.
 */
#include "state.bpf.h"
#include "usdt_places.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_USDT_PLACES);
	__type(key, __u32);
	__type(value, struct usdt_place_of_arguments);
} usdt_places SEC(".maps");

/* In heap.bpf.c, which has the walker. */
extern __u64 capture_call_stack(struct thread_state *state);

static __always_inline __u64 read_register(struct pt_regs *ctx, __u16 offset)
{
	__u64 value = 0;

	if (offset == USDT_NO_REGISTER || offset > sizeof(*ctx) - sizeof(value))
		return 0;
	bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + offset);
	return value;
}

/* The value's low bytes, as the note has it. */
static __always_inline __u64 cut_to_size(__u64 value, const struct usdt_argument *argument)
{
	__u32 unused = 64 - 8 * (argument->size & 15);

	if (!unused || unused >= 64)
		return value;
	value <<= unused;
	return argument->is_signed ? (__u64)((__s64)value >> unused) : value >> unused;
}

/* Not inlined: three of them, of which each has its branches, are much to verify. */
static __noinline __u64 usdt_argument(struct pt_regs *ctx, struct usdt_argument *argument)
{
	__u64 value, address;

	if (!argument)
		return 0;
	value = argument->value;
	if (argument->place == USDT_REGISTER)
		value = read_register(ctx, argument->base);
	if (argument->place == USDT_MEMORY) {
		address = value + read_register(ctx, argument->base) +
			  (read_register(ctx, argument->index) << (argument->shift & 3));
		value = 0;
		if (bpf_probe_read_user(&value, sizeof(value), (void *)address))
			count_loss(LOSS_USDT_UNREAD);
	}
	return cut_to_size(value, argument);
}

/* The place that was hit by a traced thread, or NULL. */
static __always_inline struct usdt_place_of_arguments *find_place_of_arguments(
	struct pt_regs *ctx, struct thread_state *state)
{
	__u32 number = bpf_get_attach_cookie(ctx);

	return state && shared.enabled ? bpf_map_lookup_elem(&usdt_places, &number) : NULL;
}

SEC("uprobe")
int usdt_alloc(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get();
	struct usdt_place_of_arguments *place = find_place_of_arguments(ctx, state);
	__u64 address, size, weight, stack;
	struct event_sample *event;

	if (!state || !place)
		return 0;
	address = usdt_argument(ctx, &place->arguments[USDT_POINTER]);
	size = usdt_argument(ctx, &place->arguments[USDT_SIZE]);
	weight = size;
	if (place->count > USDT_WEIGHT)
		weight = usdt_argument(ctx, &place->arguments[USDT_WEIGHT]);
	stack = capture_call_stack(state);
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_SAMPLE, FUNCTION_NONE);
	event->address = address;
	event->size = size;
	event->stack = stack;
	event->weight = weight;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
	return 0;
}

SEC("uprobe")
int usdt_free(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get();
	struct usdt_place_of_arguments *place = find_place_of_arguments(ctx, state);
	struct event_free *event;

	if (!state || !place)
		return 0;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_SAMPLE_FREE, FUNCTION_NONE);
	event->address = usdt_argument(ctx, &place->arguments[USDT_POINTER]);
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
