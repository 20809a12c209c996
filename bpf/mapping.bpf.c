/*
 * The memory system calls of traced processes: mmap, munmap, mremap, brk. Kept apart from the
 * heap: allocators make these calls too. Sent at exit, if they succeeded; the arguments are still
 * in the thread's saved registers then, so one tracepoint is enough for all but brk.
 */
#include "state.bpf.h"

#define MAP_ANONYMOUS 0x20
#define PROT_EXEC 4

/* mmap and its family return a negative errno in the last page of the address space. */
#define IS_ERROR(result) ((unsigned long)(result) >= (unsigned long)-4095)

struct call_arguments {
	__u64 a[4];
};

/* The arguments of the system call that the current thread is leaving. */
static __always_inline struct call_arguments read_arguments(void)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

#ifdef __TARGET_ARCH_x86
	return (struct call_arguments){{regs->di, regs->si, regs->dx, regs->r10}};
#else
	return (struct call_arguments){
		{regs->orig_x0, regs->regs[1], regs->regs[2], regs->regs[3]}};
#endif
}

/* Loads the result once: clang would else compute an address into ctx, which is refused. */
static __always_inline long result_of(const struct trace_event_raw_sys_exit *ctx)
{
	long result = ctx->ret;

	barrier_var(result);
	return result;
}

/* A record to fill in and submit, or NULL: it is not wanted, or there is no room (counted). */
static __always_inline struct event_mapping *begin_record(
	struct thread_state *state, __u8 function, __u64 address)
{
	struct event_mapping *event;

	if (!shared.enabled)
		return NULL;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_MAPPING_RING_FULL);
		return NULL;
	}
	fill_header(&event->header, state, EVENT_MAPPING, function);
	event->address = address;
	event->length = 0;
	event->old_address = 0;
	event->old_length = 0;
	event->protection = 0;
	event->map_flags = 0;
	return event;
}

static __always_inline void count_executable_mapping(struct thread_state *state)
{
	__u32 tgid = state->tgid;
	struct target *target = bpf_map_lookup_elem(&targets, &tgid);

	if (target)
		__sync_fetch_and_add(&target->executable_mappings, 1);
}

SEC("tp/syscalls/sys_exit_mmap")
int exit_mmap(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;
	struct call_arguments args;

	if (!state || IS_ERROR(result))
		return 0;
	args = read_arguments();
	if (args.a[2] & PROT_EXEC && !(args.a[3] & MAP_ANONYMOUS))
		count_executable_mapping(state);
	event = begin_record(state, FUNCTION_MMAP, result);
	if (!event)
		return 0;
	event->length = args.a[1];
	event->protection = args.a[2];
	event->map_flags = args.a[3];
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("tp/syscalls/sys_exit_munmap")
int exit_munmap(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;
	struct call_arguments args;

	if (!state || result)
		return 0;
	args = read_arguments();
	event = begin_record(state, FUNCTION_MUNMAP, args.a[0]);
	if (!event)
		return 0;
	event->length = event->old_length = args.a[1];
	event->old_address = args.a[0];
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("tp/syscalls/sys_exit_mremap")
int exit_mremap(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;
	struct call_arguments args;

	if (!state || IS_ERROR(result))
		return 0;
	args = read_arguments();
	event = begin_record(state, FUNCTION_MREMAP, result);
	if (!event)
		return 0;
	event->old_address = args.a[0];
	event->old_length = args.a[1];
	event->length = args.a[2];
	event->map_flags = args.a[3];
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/* The break before the call, which the exit cannot tell. */
SEC("tp/syscalls/sys_enter_brk")
int enter_brk(struct trace_event_raw_sys_enter *ctx)
{
	struct thread_state *state = thread_state__get();

	if (state)
		state->break_before = BPF_CORE_READ(bpf_get_current_task_btf(), mm, brk);
	return 0;
}

SEC("tp/syscalls/sys_exit_brk")
int exit_brk(struct trace_event_raw_sys_exit *ctx)
{
	long result = result_of(ctx);
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;

	/* brk(0) only asks, a refused brk changes nothing. */
	if (!state || !state->break_before || state->break_before == (__u64)result)
		return 0;
	event = begin_record(state, FUNCTION_BRK, result);
	if (!event)
		return 0;
	event->old_address = state->break_before;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
