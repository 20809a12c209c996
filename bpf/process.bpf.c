/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Life of the traced processes: fork, exec, exit, and changes of the loader's list of libraries.
 */
#include "hold.bpf.h"
#include "state.bpf.h"

extern int share_unwind_space(__u32 parent, __u32 child);
extern int drop_unwind_space(__u32 process);

static __always_inline void fill_process(struct event_process *event, __u8 kind, __u32 process)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->header.kind = kind;
	event->header.process = process;
	event->header.time_ns = bpf_ktime_get_ns();
}

/* To the model, in order with the heap records. */
static __always_inline void send_process(const struct event_process *event)
{
	if (bpf_ringbuf_output(&ring, (void *)event, sizeof(*event), BPF_RB_NO_WAKEUP))
		count_loss(LOSS_PROCESS_RING_FULL);
}

/*
 * To user space's control loop at once, with the ticket of who waits for its answer (0: nobody) in
 * fields that are free in these kinds. False: lost, and counted.
 */
static __always_inline bool send_control(struct event_process *event, __u64 ticket)
{
	event->exit_status = (__u32)ticket;
	event->header.thread_sequence = (__u32)(ticket >> 32);
	if (!bpf_ringbuf_output(&control_ring, event, sizeof(*event), BPF_RB_FORCE_WAKEUP))
		return true;
	count_loss(LOSS_CONTROL_RING_FULL);
	return false;
}

/*
 * Tells user space of a process that has something new, and with @holds has it wait before its
 * first instruction. User space counts what came with no ticket; what has one and does not wait is
 * counted here. Returns the ticket that the process waits with, 0: none.
 */
static __always_inline __u64 announce(
	struct task_struct *task, struct event_process *event, bool holds)
{
	__u64 ticket = holds ? take_hold_ticket() : 0;

	if (!send_control(event, ticket) || !ticket)
		return 0;
	if (!hold_task(task, ticket))
		return ticket;
	count_loss(LOSS_UNHELD);
	return 0;
}

static __always_inline __u32 tgid_of(struct task_struct *task)
{
	return task_number(BPF_CORE_READ(task, group_leader), shared.pid_namespace_level);
}

/* Run once by memtrace itself: /proc tells a process in a container nothing of the levels above. */
SEC("syscall")
int find_namespace_level(void *ctx)
{
	shared.pid_namespace_level = BPF_CORE_READ(bpf_get_current_task_btf(), thread_pid, level);
	return 0;
}

/* Run by memtrace itself: what it has to say stands in the ring where it was said. */
SEC("syscall")
int put_record(struct record_to_put *put)
{
	__u8 bytes[sizeof(put->bytes)] __attribute__((aligned(8)));

	__u32 enables = put->enables;
	long err;

	__builtin_memcpy(bytes, put->bytes, sizeof(bytes));
	if (enables)
		((struct event_header *)bytes)->time_ns = bpf_ktime_get_ns();
	err = bpf_ringbuf_output(&ring, bytes, sizeof(bytes), put->flags);
	if (enables)
		*(volatile __u32 *)&shared.enabled = 1;
	return err;
}

static __always_inline int on_fork(
	struct task_struct *parent, struct task_struct *child, bool holds)
{
	struct target *target, child_target = {};
	struct event_process event;
	__u32 tgid, child_tgid;
	__u64 ticket;

	if (parent->tgid == child->tgid)
		return 0; /* a thread */
	tgid = tgid_of(parent);
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target || !(target->flags & TARGET_FOLLOW) || target->flags & TARGET_AWAITS_EXEC)
		return 0;
	child_tgid = tgid_of(child);
	child_target.process = __sync_fetch_and_add(&shared.next_process, 1);
	child_target.flags = target->flags;
	child_target.executable_mappings = target->executable_mappings;
	child_target.mappings_seen = target->mappings_seen;
	child_target.program_break = target->program_break;
	child_target.code_pages = target->code_pages;
	fill_process(&event, EVENT_FORK, child_target.process);
	event.header.flags = parent->mm == child->mm;
	event.header.tid = task_number(parent, shared.pid_namespace_level);
	event.pid = child_tgid;
	event.parent_process = target->process;
	event.code_epoch = code_epoch(target->process);
	raise_code_epoch(child_target.process, event.code_epoch);
	__builtin_memcpy(event.comm, child->comm, sizeof(event.comm));
	send_process(&event);
	share_unwind_space(target->process, child_target.process);
	if (bpf_map_update_elem(&targets, &child_tgid, &child_target, BPF_ANY))
		count_loss(LOSS_TARGETS_FULL);
	/* For the control loop, which knows processes by their PIDs. */
	event.header.tid = tgid;
	if (target->executable_mappings != target->mappings_seen)
		event.header.flags |= CONTROL_NEW_LIBRARIES;
	ticket = announce(child, &event, holds);
	/* Of a child in its memory it may wait for the end before it comes to wait here. */
	if (ticket && holds_crowd() && parent->mm != child->mm)
		hold_task(parent, ticket);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	return on_fork(parent, child, false);
}

SEC("held/sched_process_fork")
int BPF_PROG(process_fork_held, struct task_struct *parent, struct task_struct *child)
{
	return on_fork(parent, child, true);
}

static __always_inline int on_exec(struct task_struct *task, pid_t old_pid, bool holds)
{
	__u32 tgid = tgid_of(task);
	struct target *target = bpf_map_lookup_elem(&targets, &tgid);
	struct thread_state *state;
	struct event_process event;
	__u32 old_process;

	if (!target)
		return 0;
	old_process = target->process;
	if (!(target->flags & TARGET_AWAITS_EXEC))
		target->process = __sync_fetch_and_add(&shared.next_process, 1);
	target->flags &= ~TARGET_AWAITS_EXEC;
	target->executable_mappings = 1;
	target->mappings_seen = 0;
	target->program_break = 0;
	target->code_pages = 0;
	target->earlier_peak = BPF_CORE_READ(task, signal, maxrss);
	state = bpf_task_storage_get(&threads, task, NULL, 0);
	if (state) {
		state->process = target->process;
		state->call.sp = 0;
		state->hint.sp = 0;
		state->own_sp = 0;
	}
	fill_process(&event, EVENT_EXEC, target->process);
	event.header.tid = tgid;
	event.pid = tgid;
	event.parent_process = old_process == target->process ? 0 : old_process;
	drop_unwind_space(event.parent_process);
	__builtin_memcpy(event.comm, task->comm, sizeof(event.comm));
	send_process(&event);
	if (old_pid != task->pid)
		event.header.flags |= CONTROL_THREAD_EXECED;
	announce(task, &event, holds);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	return on_exec(task, old_pid, false);
}

SEC("held/sched_process_exec")
int BPF_PROG(process_exec_held, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	return on_exec(task, old_pid, true);
}

static __always_inline int thread_exit(struct task_struct *task)
{
	struct thread_state *state = bpf_task_storage_get(&threads, task, NULL, 0);
	struct event_thread event = {};

	if (!state || !state->process || !shared.enabled)
		return 0;
	fill_header(&event.header, state, EVENT_THREAD_EXIT, 0);
	if (bpf_ringbuf_output(&ring, &event, sizeof(event), BPF_RB_NO_WAKEUP))
		count_loss(LOSS_PROCESS_RING_FULL);
	return 0;
}

/*
 * What the process has in memory at its end. Since Linux 6.16 its address space is still there;
 * before, only the largest it ever was is known, which signal_struct has of all images together.
 */
static __always_inline void send_memory(
	struct task_struct *task, const struct target *target, const struct event_header *header)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 peak = BPF_CORE_READ(task, signal, maxrss);
	struct event_memory event = {.header = *header};
	__s64 pages;

	event.header.kind = EVENT_MEMORY;
	if (peak > target->earlier_peak)
		event.peak_pages = peak;
	/* Before Linux 6.2 the counters are of another type, and the address space is gone. */
	if (mm && bpf_core_field_exists(mm->rss_stat[0].count)) {
		pages = BPF_CORE_READ(mm, rss_stat[MM_ANONPAGES].count);
		event.anonymous_pages = pages > 0 ? pages : 0;
		event.resident_pages = event.anonymous_pages;
		pages = BPF_CORE_READ(mm, rss_stat[MM_FILEPAGES].count);
		event.resident_pages += pages > 0 ? pages : 0;
		pages = BPF_CORE_READ(mm, rss_stat[MM_SHMEMPAGES].count);
		event.resident_pages += pages > 0 ? pages : 0;
	}
	bpf_ringbuf_output(&ring, &event, sizeof(event), BPF_RB_NO_WAKEUP);
}

#define SIGNAL_GROUP_EXIT 4
#define PF_EXITING 0x4

#if defined(__TARGET_ARCH_x86)
static __always_inline void take_registers(
	struct event_exit_registers *event, struct pt_regs *regs, struct task_struct *task)
{
	const __u64 values[EXIT_REGISTERS] = {regs->bx, regs->bp, regs->r12, regs->r13, regs->r14,
		regs->r15, regs->di, regs->si, regs->dx, regs->cx, regs->ax, regs->r8, regs->r9,
		regs->r10, regs->r11};

	__builtin_memcpy(event->registers, values, sizeof(values));
	event->stack_pointer = regs->sp;
	event->thread_pointer = BPF_CORE_READ((struct task_struct___x86 *)task, thread.fsbase);
}
#else
static __always_inline void take_registers(
	struct event_exit_registers *event, struct pt_regs *regs, struct task_struct *task)
{
	/* x0 and x19 to x30: what is in the others a call need not keep. */
	event->registers[0] = regs->regs[0];
#pragma unroll
	for (int i = 1; i < 13; i++)
		event->registers[i] = regs->regs[18 + i];
	event->stack_pointer = regs->sp;
}
#endif

/* Of each thread that the end of its process ends: it stands where pointers may be. */
static __always_inline void send_registers(struct task_struct *task)
{
	struct event_exit_registers event = {};
	struct pt_regs *regs;
	struct target *target;
	__u32 tgid;

	if (!*(volatile __u32 *)&shared.tells_registers ||
		!(task->signal->flags & SIGNAL_GROUP_EXIT || task->signal->live.counter == 0))
		return;
	tgid = tgid_of(task);
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target)
		return;
	event.header.kind = EVENT_EXIT_REGISTERS;
	event.header.process = target->process;
	event.header.tid = task_number(task, shared.pid_namespace_level);
	event.header.time_ns = bpf_ktime_get_ns();
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	take_registers(&event, regs, task);
	if (bpf_ringbuf_output(&control_ring, &event, sizeof(event), BPF_RB_NO_WAKEUP))
		count_loss(LOSS_CONTROL_RING_FULL);
}

/*
 * A process goes on without its first thread: the kernel, which looks there for the address space
 * that a link is for, takes it for none. User space keeps the probes in place by another thread,
 * and wants to know when that one ends.
 */
static __always_inline void tell_first_ended(struct task_struct *task)
{
	struct event_process event;
	struct target *target;
	__u32 tgid;

	if (!(task->group_leader->flags & PF_EXITING) || task->signal->flags & SIGNAL_GROUP_EXIT)
		return;
	tgid = tgid_of(task);
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target)
		return;
	fill_process(&event, EVENT_FIRST_ENDED, target->process);
	event.header.tid = task_number(task, shared.pid_namespace_level);
	event.pid = tgid;
	send_control(&event, 0);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct event_process event;
	struct target *target;
	__u32 tgid;

	send_registers(task);
	if (task->signal->live.counter != 0) {
		tell_first_ended(task);
		return thread_exit(task); /* other threads live on */
	}
	tgid = tgid_of(task);
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target)
		return 0;
	fill_process(&event, EVENT_EXIT, target->process);
	event.header.tid = task_number(task, shared.pid_namespace_level);
	event.pid = tgid;
	event.exit_status = task->signal->group_exit_code;
	if (!event.exit_status)
		event.exit_status = task->exit_code;
	__builtin_memcpy(event.comm, task->comm, sizeof(event.comm));
	send_memory(task, target, &event.header);
	bpf_map_delete_elem(&targets, &tgid);
	drop_unwind_space(event.header.process);
	send_process(&event);
	if (bpf_ringbuf_output(&control_ring, &event, sizeof(event), BPF_RB_FORCE_WAKEUP))
		count_loss(LOSS_CONTROL_RING_FULL);
	return 0;
}

/* Whether executable_mappings counts; else the number of pages with code tells. */
const volatile bool follows_mappings = true;

static __always_inline bool has_new_libraries(struct target *target)
{
	__u64 pages;

	if (follows_mappings) {
		if (target->executable_mappings == target->mappings_seen)
			return false;
		target->mappings_seen = target->executable_mappings;
		return true;
	}
	pages = BPF_CORE_READ(bpf_get_current_task_btf(), mm, exec_vm);
	if (pages == target->code_pages)
		return false;
	target->code_pages = pages;
	return true;
}

/*
 * _dl_debug_state: the loader calls it after mapping libraries, before their constructors run.
 * Tells user space if there is something new. Returns the ticket to wait with, 0: none.
 */
static __always_inline __u64 tell_of_libraries(void)
{
	struct thread_state *state = thread_state__get();
	struct event_process event;
	struct target *target;
	__u64 ticket;
	__u32 tgid;

	if (!state)
		return 0;
	tgid = state->tgid;
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target || !has_new_libraries(target))
		return 0;
	ticket = take_hold_ticket();
	fill_process(&event, EVENT_LIBRARIES, state->process);
	event.header.tid = state->tid;
	event.pid = tgid;
	return send_control(&event, ticket) ? ticket : 0;
}

/*
 * Sleepable, because it waits: a program that is not holds up RCU, for which user space has to
 * wait when it adds tables, which this program would be waiting for.
 */
SEC("uprobe.s")
int loader_entry(struct pt_regs *ctx)
{
	__u64 ticket = tell_of_libraries();

	if (ticket)
		hold_here(ticket, PT_REGS_SP(ctx));
	return 0;
}

SEC("held/loader")
int loader_entry_held(struct pt_regs *ctx)
{
	__u64 ticket = tell_of_libraries();

	if (ticket && hold_task(bpf_get_current_task_btf(), ticket))
		count_loss(LOSS_UNHELD);
	return 0;
}

/* Since Linux 6.8 the tracepoint has the task, and its record the user; before, the number alone.
 */
struct trace_event_raw_mark_victim___user {
	__u32 uid;
} __attribute__((preserve_access_index));

/* The kernel has chosen a process to be killed, for want of memory. */
SEC("tp_btf/mark_victim")
int oom_victim(__u64 *ctx)
{
	struct event_process event;
	struct target *target;
	__u32 tgid;

	/* Each with its own load: the verifier lets no half of a pointer be kept. */
	if (bpf_core_field_exists(struct trace_event_raw_mark_victim___user, uid)) {
		tgid = tgid_of((struct task_struct *)ctx[0]);
	} else {
		__u64 number = ctx[0];

		barrier_var(number);
		tgid = number;
	}
	target = bpf_map_lookup_elem(&targets, &tgid);
	if (!target)
		return 0;
	fill_process(&event, EVENT_OOM_VICTIM, target->process);
	event.pid = tgid;
	send_control(&event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
