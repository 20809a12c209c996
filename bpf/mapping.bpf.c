/*
 * The memory system calls of traced processes: mmap, munmap, mremap, brk. Kept apart from the
 * heap: allocators make these calls too. Each is noted at entry and sent at exit, if it succeeded.
 */
#include "state.bpf.h"

#define MAP_ANONYMOUS 0x20
#define PROT_EXEC 4

/* mmap and its family return a negative errno in the last page of the address space. */
#define IS_ERROR(result) ((unsigned long)(result) >= (unsigned long)-4095)

static __always_inline struct thread_state *begin_call(__u32 function)
{
	struct thread_state *state = thread_state__get();

	if (!state)
		return NULL;
	state->mapping.function = function;
	return state;
}

static __always_inline int send_mapping(struct thread_state *state, __u64 result)
{
	struct mapping_call *call = &state->mapping;
	struct event_mapping *event;

	if (!shared.enabled)
		return 0;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_MAPPING_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_MAPPING, call->function);
	event->address = result;
	event->length = call->new_length;
	event->old_address = call->address;
	event->old_length = call->length;
	event->protection = call->protection;
	event->map_flags = call->map_flags;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void count_executable_mapping(struct thread_state *state)
{
	__u32 tgid = state->tgid;
	struct target *target = bpf_map_lookup_elem(&targets, &tgid);

	if (target)
		__sync_fetch_and_add(&target->executable_mappings, 1);
}

SEC("tp/syscalls/sys_enter_mmap")
int enter_mmap(struct trace_event_raw_sys_enter *ctx)
{
	struct thread_state *state = begin_call(FUNCTION_MMAP);

	if (!state)
		return 0;
	state->mapping.address = ctx->args[0];
	state->mapping.length = 0;
	state->mapping.new_length = ctx->args[1];
	state->mapping.protection = ctx->args[2];
	state->mapping.map_flags = ctx->args[3];
	return 0;
}

SEC("tp/syscalls/sys_enter_munmap")
int enter_munmap(struct trace_event_raw_sys_enter *ctx)
{
	struct thread_state *state = begin_call(FUNCTION_MUNMAP);

	if (!state)
		return 0;
	state->mapping.address = ctx->args[0];
	state->mapping.length = ctx->args[1];
	state->mapping.new_length = ctx->args[1];
	state->mapping.protection = 0;
	state->mapping.map_flags = 0;
	return 0;
}

SEC("tp/syscalls/sys_enter_mremap")
int enter_mremap(struct trace_event_raw_sys_enter *ctx)
{
	struct thread_state *state = begin_call(FUNCTION_MREMAP);

	if (!state)
		return 0;
	state->mapping.address = ctx->args[0];
	state->mapping.length = ctx->args[1];
	state->mapping.new_length = ctx->args[2];
	state->mapping.protection = 0;
	state->mapping.map_flags = ctx->args[3];
	return 0;
}

SEC("tp/syscalls/sys_enter_brk")
int enter_brk(struct trace_event_raw_sys_enter *ctx)
{
	struct thread_state *state = begin_call(FUNCTION_BRK);

	if (!state)
		return 0;
	state->mapping.address = ctx->args[0];
	state->mapping.length = 0;
	state->mapping.new_length = 0;
	state->mapping.protection = 0;
	state->mapping.map_flags = 0;
	return 0;
}

static __always_inline struct thread_state *end_call(__u32 function)
{
	struct thread_state *state = thread_state__get();

	if (!state || state->mapping.function != function)
		return NULL;
	return state;
}

/* Loads the result once: clang would else compute an address into ctx, which is refused. */
static __always_inline long result_of(const struct trace_event_raw_sys_exit *ctx)
{
	long result = ctx->ret;

	barrier_var(result);
	return result;
}

SEC("tp/syscalls/sys_exit_mmap")
int exit_mmap(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = end_call(FUNCTION_MMAP);

	if (!state || IS_ERROR(result))
		return 0;
	if (state->mapping.protection & PROT_EXEC && !(state->mapping.map_flags & MAP_ANONYMOUS))
		count_executable_mapping(state);
	return send_mapping(state, result);
}

SEC("tp/syscalls/sys_exit_munmap")
int exit_munmap(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = end_call(FUNCTION_MUNMAP);

	if (!state || result)
		return 0;
	return send_mapping(state, state->mapping.address);
}

SEC("tp/syscalls/sys_exit_mremap")
int exit_mremap(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = end_call(FUNCTION_MREMAP);

	if (!state || IS_ERROR(result))
		return 0;
	return send_mapping(state, result);
}

/* brk(0) only asks; a refused brk returns the old break. The model sees every value. */
SEC("tp/syscalls/sys_exit_brk")
int exit_brk(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = end_call(FUNCTION_BRK);

	if (!state)
		return 0;
	return send_mapping(state, result);
}

char LICENSE[] SEC("license") = "GPL";
