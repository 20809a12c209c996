/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The memory system calls of traced processes: mmap, munmap, mremap, mprotect, brk. Kept apart
 * from the heap: allocators make these calls too. Sent at exit, if they succeeded; the arguments
 * are still in the thread's saved registers then. A call that adds memory, or makes memory
 * accessible, and that no allocation function made, has its stack taken.
 * Those of them that change where code lies are noted in code.bpf.h's log.
 *
 * There are three ways to the end of such a call, over the same bodies; one is loaded:
 * - A program on the release of an address space's lock, which each of these calls takes, has task
 *   work run in the thread on its way to user space (Linux 6.18). Other system calls cost nothing.
 * - A program on each call's own tracepoint, whose number only tracefs tells. The kernel takes
 * every system call of every process the long way while there is such a program.
 * - One program on the end of every system call of the machine: it needs no tracefs, and costs each
 *   of them about twice as much.
 */
#include "code.bpf.h"
#include "task_work.bpf.h"

#define MAP_ANONYMOUS 0x20
#define PROT_WRITE 2

/* mmap and its family return a negative errno in the last page of the address space. */
#define IS_ERROR(result) ((unsigned long)(result) >= (unsigned long)-4095)

/* asm/unistd_64.h; asm-generic/unistd.h */
#ifdef __TARGET_ARCH_x86
enum {
	NUMBER_MMAP = 9,
	NUMBER_MPROTECT = 10,
	NUMBER_MUNMAP = 11,
	NUMBER_BRK = 12,
	NUMBER_MREMAP = 25
};
#define SYSTEM_CALL_NUMBER(regs) ((int)(regs)->orig_ax)
/* The code segment of 64-bit programs, asm/segment.h: 32-bit ones have other numbers. */
#define IS_NATIVE(regs) ((regs)->cs == 0x33)
#else
enum {
	NUMBER_BRK = 214,
	NUMBER_MUNMAP = 215,
	NUMBER_MREMAP = 216,
	NUMBER_MMAP = 222,
	NUMBER_MPROTECT = 226
};
#define SYSTEM_CALL_NUMBER(regs) ((regs)->syscallno)
#define IS_NATIVE(regs) (!((regs)->pstate & 0x10)) /* PSR_MODE32_BIT */
#endif

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

/* In heap.bpf.c, which has the walker. */
extern __u64 capture_call_stack(struct thread_state *state);

/* Whether an allocation function that is in flight made this call. */
static __always_inline bool is_allocators(struct thread_state *state)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	/* A call in flight further down the stack was left by an exception or longjmp. */
	return state->call.sp && PT_REGS_SP(regs) <= state->call.sp;
}

/* What a call adds, and on whose behalf. */
struct origin {
	__u64 stack;
	__u16 flags;
};

static __always_inline struct origin find_origin(struct thread_state *state)
{
	if (!shared.enabled)
		return (struct origin){0, 0};
	if (is_allocators(state))
		return (struct origin){0, MAPPING_BY_ALLOCATOR};
	return (struct origin){capture_call_stack(state), 0};
}

/*
 * A record to fill in and submit, or NULL: it is not wanted, or there is no room (counted). The
 * stack's record was sent before.
 */
static __always_inline struct event_mapping *begin_record(
	struct thread_state *state, __u8 function, __u64 address, struct origin origin)
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
	event->header.flags = origin.flags;
	event->stack = origin.stack;
	event->address = address;
	event->length = 0;
	event->old_address = 0;
	event->old_length = 0;
	event->protection = 0;
	event->map_flags = 0;
	return event;
}

/* There is no probe on the loader: user space is told of each file with code that is mapped. */
const volatile bool tells_of_code;

static __always_inline void tell_of_code(struct thread_state *state)
{
	struct event_process event = {};

	fill_header(&event.header, state, EVENT_LIBRARIES, 0);
	/* Where a ticket would be: nothing waits. */
	event.header.thread_sequence = 0;
	event.pid = state->tgid;
	if (bpf_ringbuf_output(&control_ring, &event, sizeof(event), BPF_RB_FORCE_WAKEUP))
		count_loss(LOSS_CONTROL_RING_FULL);
}

static __always_inline int on_mmap(long result)
{
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;
	struct call_arguments args;

	if (!state || IS_ERROR(result))
		return 0;
	args = read_arguments();
	note_mapped_code(
		state, result, args.a[1], args.a[2] & PROT_EXEC, !(args.a[3] & MAP_ANONYMOUS));
	if (tells_of_code && args.a[2] & PROT_EXEC && !(args.a[3] & MAP_ANONYMOUS))
		tell_of_code(state);
	event = begin_record(state, FUNCTION_MMAP, result, find_origin(state));
	if (!event)
		return 0;
	event->length = args.a[1];
	event->protection = args.a[2];
	event->map_flags = args.a[3];
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline int on_munmap(long result)
{
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;
	struct call_arguments args;

	if (!state || result)
		return 0;
	args = read_arguments();
	note_mapped_code(state, args.a[0], args.a[1], false, false);
	event = begin_record(state, FUNCTION_MUNMAP, args.a[0], (struct origin){0, 0});
	if (!event)
		return 0;
	event->length = event->old_length = args.a[1];
	event->old_address = args.a[0];
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline int on_mremap(long result)
{
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;
	struct call_arguments args;

	if (!state || IS_ERROR(result))
		return 0;
	args = read_arguments();
	note_moved_code(state, args.a[0], args.a[1], result, args.a[2]);
	event = begin_record(state, FUNCTION_MREMAP, result, find_origin(state));
	if (!event)
		return 0;
	event->old_address = args.a[0];
	event->old_length = args.a[1];
	event->length = args.a[2];
	event->map_flags = args.a[3];
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Of interest for code, and where it makes writable what may have been address space only. */
static __always_inline int on_mprotect(long result)
{
	struct thread_state *state = thread_state__get();
	struct event_mapping *event;
	struct call_arguments args;

	if (!state || result)
		return 0;
	args = read_arguments();
	note_protected_code(state, args.a[0], args.a[1], args.a[2] & PROT_EXEC);
	if (!(args.a[2] & PROT_WRITE))
		return 0;
	event = begin_record(state, FUNCTION_MPROTECT, args.a[0], find_origin(state));
	if (!event)
		return 0;
	event->length = args.a[1];
	event->protection = args.a[2];
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * Compares the program break with the one last seen of this process, so that the changes add up
 * whichever of two threads leaves its call first. brk(0) only asks, a refused brk changes nothing.
 */
static __always_inline int on_brk(void)
{
	struct thread_state *state = thread_state__get();
	struct mm_struct *mm = BPF_CORE_READ(bpf_get_current_task_btf(), mm);
	struct origin origin = {0, 0};
	struct event_mapping *event;
	struct target *target;
	__u64 before, now;
	__u32 tgid;

	if (!state)
		return 0;
	tgid = state->tgid;
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target)
		return 0;
	now = BPF_CORE_READ(mm, brk);
	before = target->program_break ?: BPF_CORE_READ(mm, start_brk);
	if (before == now)
		return 0;
	target->program_break = now;
	if (now > before)
		origin = find_origin(state);
	event = begin_record(state, FUNCTION_BRK, now, origin);
	if (!event)
		return 0;
	event->old_address = before;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("tp/syscalls/sys_exit_mmap")
int exit_mmap(struct trace_event_raw_sys_exit *ctx)
{
	return on_mmap(result_of(ctx));
}

SEC("tp/syscalls/sys_exit_munmap")
int exit_munmap(struct trace_event_raw_sys_exit *ctx)
{
	return on_munmap(result_of(ctx));
}

SEC("tp/syscalls/sys_exit_mremap")
int exit_mremap(struct trace_event_raw_sys_exit *ctx)
{
	return on_mremap(result_of(ctx));
}

SEC("tp/syscalls/sys_exit_mprotect")
int exit_mprotect(struct trace_event_raw_sys_exit *ctx)
{
	return on_mprotect(result_of(ctx));
}

SEC("tp/syscalls/sys_exit_brk")
int exit_brk(struct trace_event_raw_sys_exit *ctx)
{
	return on_brk();
}

/* Whether the thread is in one of these calls. */
static __always_inline bool is_mapping_call(const struct pt_regs *regs)
{
	int number = SYSTEM_CALL_NUMBER(regs);

	if (number != NUMBER_MMAP && number != NUMBER_MUNMAP && number != NUMBER_MREMAP &&
		number != NUMBER_BRK && number != NUMBER_MPROTECT)
		return false;
	return IS_NATIVE(regs);
}

static __always_inline int on_call(const struct pt_regs *regs, long result)
{
	int number = SYSTEM_CALL_NUMBER(regs);

	if (number == NUMBER_MMAP)
		return on_mmap(result);
	if (number == NUMBER_MUNMAP)
		return on_munmap(result);
	if (number == NUMBER_MPROTECT)
		return on_mprotect(result);
	return number == NUMBER_MREMAP ? on_mremap(result) : on_brk();
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_any_call, struct pt_regs *regs, long result)
{
	return is_mapping_call(regs) ? on_call(regs, result) : 0;
}

/* Threads whose call will soon be over, by their numbers in the first pid namespace. */
struct ending_call {
	struct bpf_task_work work;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct ending_call);
} ending_calls SEC(".maps");

static int end_call(void *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	__u32 tid = task->pid;

	if (is_mapping_call(regs))
		on_call(regs, PT_REGS_RC(regs));
	bpf_map_delete_elem(&ending_calls, &tid);
	return 0;
}

/* A call may release the lock several times; all but the first find that it is known to end. */
static __noinline int await_end_of_call(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ending_call none = {}, *call;
	__u32 tid = task->pid;

	if (bpf_map_lookup_elem(&ending_calls, &tid))
		return 0;
	bpf_map_update_elem(&ending_calls, &tid, &none, BPF_NOEXIST);
	call = bpf_map_lookup_elem(&ending_calls, &tid);
	if (call && !schedule_task_work(task, &call->work, &ending_calls, end_call, NULL))
		return 0;
	bpf_map_delete_elem(&ending_calls, &tid);
	count_loss(LOSS_MAPPING_RING_FULL);
	return 0;
}

SEC("held/mmap_lock_released")
int BPF_PROG(memory_changed)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (is_mapping_call(regs) && thread_state__get())
		await_end_of_call();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
