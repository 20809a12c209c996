/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What becomes of an allocation call: where it returns to, its outcome, and its records. */
#ifndef MEMTRACE_CALLS_BPF_H
#define MEMTRACE_CALLS_BPF_H

#include "own_calls.bpf.h"
#include "probe.h"
#include "state.bpf.h"

#ifdef __TARGET_ARCH_x86
/* The return address of the function that was entered with this stack pointer. */
static __always_inline __u64 read_return_address(__u64 sp)
{
	__u64 address = 0;

	bpf_probe_read_user(&address, sizeof(address), (void *)sp);
	return address;
}
#endif

/* Where the function returns to, at its entry or at its `ret`. */
static __always_inline __u64 next_pc(struct pt_regs *ctx)
{
#ifdef __TARGET_ARCH_x86
	return read_return_address(PT_REGS_SP(ctx));
#else
	return ctx->regs[30];
#endif
}

/*
 * Where a function that is at its `ret` returns to. Another tracer's return probe has put the
 * kernel's trampoline there; the kernel knows what was there before.
 */
static __always_inline __u64 true_next_pc(struct pt_regs *ctx, __u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct return_instance *instance = BPF_CORE_READ(task, utask, return_instances);

	if (instance && BPF_CORE_READ(instance, stack) == sp)
		return BPF_CORE_READ(instance, orig_ret_vaddr);
	return next_pc(ctx);
}

static __always_inline void send_failed(struct thread_state *state, __u8 function, __u64 size)
{
	struct event_alloc *event;

	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return;
	}
	fill_header(&event->header, state, EVENT_ALLOC_FAILED, function);
	event->address = 0;
	event->size = size;
	event->stack = 0;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void send_free(
	struct thread_state *state, __u8 kind, __u8 function, __u64 address)
{
	struct event_free *event;

	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return;
	}
	fill_header(&event->header, state, kind, function);
	event->address = address;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
}

/* The block that a call gave, or 0 if it failed. */
static __always_inline __u64 returned_address(struct call_in_flight *call, __u64 result)
{
	__u64 address = 0;

	if (call->flags & PROBE_RETURNS_SIZE)
		return result >= call->size ? call->pointer : 0;
	if (call->operation != PROBE_POSIX_MEMALIGN)
		return result;
	if ((__u32)result == 0)
		bpf_probe_read_user(&address, sizeof(address), (void *)call->pointer);
	return address;
}

static __always_inline enum realloc_outcome realloc_outcome(
	const struct call_in_flight *call, __u64 address)
{
	if (address)
		return REALLOC_MOVED;
	if (call->flags & PROBE_FREES_ON_FAILURE)
		return REALLOC_FREED;
	if (call->size == 0 && !(call->flags & PROBE_ZERO_SIZE_KEEPS))
		return REALLOC_FREED;
	return REALLOC_FAILED;
}

static __always_inline int send_realloc_end(
	struct thread_state *state, struct call_in_flight *call, __u64 address, __u64 stack)
{
	struct event_realloc_end *event;

	if (address)
		state->sequence++;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_REALLOC_END, call->function);
	event->header.flags = realloc_outcome(call, address);
	event->address = address;
	event->size = call->size;
	event->stack = stack;
	event->old_address = call->pointer;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
	return 0;
}

static __always_inline int send_alloc(
	struct thread_state *state, struct call_in_flight *call, __u64 address, __u64 stack)
{
	struct event_alloc *event;

	state->sequence++;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_ALLOC, call->function);
	event->address = address;
	event->size = call->size;
	event->stack = stack;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
	return 0;
}

/*
 * An exception or longjmp left the call: it never returns. For operator new that is how an
 * allocation fails; for others the outcome is unknown.
 */
static __noinline int abandon_call(struct thread_state *state, struct call_in_flight *call)
{
	if (!(call->flags & PROBE_MAY_THROW) ||
		(call->flags & PROBE_AT_RETURNS && !call->has_thrown))
		count_loss(LOSS_RETURN_MISSED);
	else if (call->operation == PROBE_REALLOC && call->pointer)
		send_realloc_end(state, call, 0, 0);
	else
		send_failed(state, call->function, call->size);
	call->sp = 0;
	return 0;
}

#endif
