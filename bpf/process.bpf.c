/*
 * Life of the traced processes: fork, exec, exit, and changes of the loader's list of libraries.
 */
#include "state.bpf.h"

/* The longest that a loader is held while user space attaches to a new library. */
const volatile __u64 hold_limit_ns = 50000000;

extern int share_unwind_space(__u32 parent, __u32 child);
extern int drop_unwind_space(__u32 process);

static __always_inline void fill_process(struct event_process *event, __u8 kind, __u32 process)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->header.kind = kind;
	event->header.process = process;
	event->header.time_ns = bpf_ktime_get_ns();
}

/* To the model in order with the heap records, and to user space's control loop at once. */
static __always_inline void send_process(struct event_process *event)
{
	if (bpf_ringbuf_output(&ring, event, sizeof(*event), BPF_RB_NO_WAKEUP))
		count_loss(LOSS_PROCESS_RING_FULL);
	if (bpf_ringbuf_output(&control_ring, event, sizeof(*event), BPF_RB_FORCE_WAKEUP))
		count_loss(LOSS_CONTROL_RING_FULL);
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

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct target *target, child_target = {};
	struct event_process event;
	__u32 tgid, child_tgid;

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
	fill_process(&event, EVENT_FORK, child_target.process);
	event.header.flags = parent->mm == child->mm;
	event.header.tid = task_number(parent, shared.pid_namespace_level);
	event.pid = child_tgid;
	event.parent_process = target->process;
	__builtin_memcpy(event.comm, child->comm, sizeof(event.comm));
	send_process(&event);
	share_unwind_space(target->process, child_target.process);
	if (bpf_map_update_elem(&targets, &child_tgid, &child_target, BPF_ANY))
		count_loss(LOSS_TARGETS_FULL);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
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
	state = bpf_task_storage_get(&threads, task, NULL, 0);
	if (state) {
		state->process = target->process;
		state->call.sp = 0;
		state->hint.sp = 0;
	}
	fill_process(&event, EVENT_EXEC, target->process);
	event.header.tid = tgid;
	event.pid = tgid;
	event.parent_process = old_process == target->process ? 0 : old_process;
	drop_unwind_space(event.parent_process);
	__builtin_memcpy(event.comm, task->comm, sizeof(event.comm));
	send_process(&event);
	return 0;
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

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct event_process event;
	struct target *target;
	__u32 tgid;

	if (task->signal->live.counter != 0)
		return thread_exit(task); /* other threads live on */
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
	bpf_map_delete_elem(&targets, &tgid);
	drop_unwind_space(event.header.process);
	send_process(&event);
	return 0;
}

struct hold {
	__u64 ticket;
	__u64 deadline;
	__u64 sp;
	__u32 timed_out;
};

static long hold_step(__u64 index, struct hold *hold)
{
	__u64 word;

	if (*(volatile __u64 *)&shared.libraries_done >= hold->ticket)
		return 1;
	if (bpf_ktime_get_ns() > hold->deadline) {
		hold->timed_out = 1;
		return 1;
	}
	/*
	 * Lets others run: on kernels that do not preempt themselves user space may wait for this
	 * very CPU. What is read does not matter; the helper's way to the page has a cond_resched.
	 */
	bpf_copy_from_user_task(
		&word, sizeof(word), (void *)hold->sp, bpf_get_current_task_btf(), 0);
	return 0;
}

/*
 * Waits, bounded, until user space has attached to what the loader brought. The thread stays
 * runnable in the kernel; nothing of the target is stopped or touched.
 */
static __always_inline void hold_loader(__u64 ticket, __u64 sp)
{
	__u64 start = bpf_ktime_get_ns();
	struct hold hold = {.ticket = ticket, .deadline = start + hold_limit_ns, .sp = sp};

	/* bpf_loop's own bound is 8 Mi steps; the deadline comes first. */
	bpf_loop(1 << 23, hold_step, &hold, 0);
	__sync_fetch_and_add(&shared.holds, 1);
	__sync_fetch_and_add(&shared.hold_ns, bpf_ktime_get_ns() - start);
	if (hold.timed_out)
		__sync_fetch_and_add(&shared.hold_timeouts, 1);
}

/*
 * _dl_debug_state: the loader calls it after mapping libraries, before their constructors run.
 * Sleepable, because it waits: a program that is not holds up RCU, for which user space has to
 * wait when it adds tables, which this program would be waiting for.
 */
SEC("uprobe.s")
int loader_entry(struct pt_regs *ctx)
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
	if (!target || target->executable_mappings == target->mappings_seen)
		return 0;
	target->mappings_seen = target->executable_mappings;
	ticket = __sync_fetch_and_add(&shared.libraries_ticket, 1) + 1;
	fill_process(&event, EVENT_LIBRARIES, state->process);
	event.header.tid = state->tid;
	event.pid = tgid;
	/* The ticket, in the fields that this kind does not use. */
	event.parent_process = (__u32)ticket;
	event.exit_status = (__u32)(ticket >> 32);
	if (bpf_ringbuf_output(&control_ring, &event, sizeof(event), BPF_RB_FORCE_WAKEUP)) {
		count_loss(LOSS_LATE_ATTACH);
		return 0;
	}
	if (hold_limit_ns)
		hold_loader(ticket, PT_REGS_SP(ctx));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
