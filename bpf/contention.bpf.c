/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Contention: every sleep in a futex call, with the stack of the thread that waits and, where the
 * lock's memory names its owner or somebody wakes the waiter, a stack of the thread that is waited
 * for. At the scheduler's switch and wake-up alone: a lock that nobody waits for costs nothing, and
 * no system call is slower (see locks.bpf.c).
 *
 * The switch runs with interrupts off and while the thread that leaves is still the current one:
 * its memory can be read, as far as it is resident, and per-CPU scratch is nobody else's.
 */
#include "vmlinux.h"

#include "contention.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "futex.bpf.h"
#include "sent_stacks.bpf.h"
#include "task_number.bpf.h"
#include "tracer_shared.h"
#include "unwind.bpf.h"

/* TASK_INTERRUPTIBLE: a futex call that sleeps otherwise waits for memory. */
#define STATE_INTERRUPTIBLE 1
#define FUTEX_TID_MASK 0x3fffffff
/* Of `tid` in glibc's struct pthread (nptl/descr.h). */
#if defined(__TARGET_ARCH_x86)
#define GLIBC_TID_OFFSET 0x2d0
#else
#define GLIBC_TID_OFFSET 0xd0
#endif
/* Offsets from the futex word at which a lock may name its owner: see user/locks/layouts.h. */
#define MUTEX_OWNER 8
#define RWLOCK_WRITER_BY_PHASE 16
#define RWLOCK_WRITER_BY_WRITERS 12

const volatile __u32 pid_namespace_level;
const volatile __u32 max_frames = EVENT_DEFAULT_FRAMES;
const volatile bool all_processes;

/* Kernel functions that older kernels lack. */
extern struct task_struct *bpf_task_from_vpid(__s32 vpid) __ksym __weak;
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

/*
 * Waits under way, by TID as the first pid namespace has it. Preallocated, as the run queue's lock
 * is held here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct contention_wait);
} wait_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct contention_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct contention_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
} ring SEC(".maps");

struct scratch {
	struct contention_wait wait;
	struct unwind_walk walk;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct contention_counters *get_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline __u32 number_of(struct task_struct *task)
{
	return pid_namespace_level ? task_number(task, pid_namespace_level) : task->pid;
}

static __always_inline __u32 process_of(struct task_struct *task)
{
	return pid_namespace_level
		       ? task_number(BPF_CORE_READ(task, group_leader), pid_namespace_level)
		       : task->tgid;
}

/* --- stacks */

static __always_inline int send_stack(struct unwind_walk *walk, __u32 pid, __u64 hash)
{
	struct event_stack *record = &walk->record;
	__u32 size = sizeof(*record) + record->frame_count * sizeof(__u64);

	record->header.kind = EVENT_STACK;
	record->header.process = pid;
	record->header.thread_sequence = walk->met_unknown;
	record->stack = hash;
	/* For the verifier: the size is at most that of the buffer. */
	if (size > sizeof(*record) + sizeof(walk->frames))
		size = sizeof(*record) + sizeof(walk->frames);
	return bpf_ringbuf_output(&ring, record, size, BPF_RB_NO_WAKEUP);
}

/* Sends the stack unless that was done; returns its hash, never 0. */
static __noinline __u64 publish_stack(struct unwind_walk *walk, __u32 pid)
{
	struct contention_counters *counts = get_counters();
	__u64 hash = walk->hash ? walk->hash : 1, *bucket = sent_stack_bucket(hash);

	if (!bucket || stack_was_sent(bucket, hash))
		return hash;
	if (!send_stack(walk, pid, hash))
		note_sent_stack(bucket, hash);
	else if (counts)
		counts->stack_ring_full++;
	return hash;
}

/* The same frames of another process, or another image of the same one, are another stack. */
static __always_inline __u64 stack_seed(__u32 pid, __u64 mm)
{
	return (mm + pid) * UNWIND_MIX;
}

/* The kernel's frame-pointer walk of the current thread: for processes without tables (yet). */
static __noinline int walk_frame_pointers(struct unwind_walk *walk)
{
	walk->met_unknown = 0;
	unwind_frame_pointers(walk);
	walk->record.header.flags = STACK_NO_TABLES;
	return 0;
}

/*
 * Walks from the registers that are set in @walk, through memory of the current thread's space. A
 * thread that was preempted may be anywhere in a function, where the rule of the instruction before
 * is wrong.
 */
static __noinline int walk_tables(struct unwind_walk *walk, __u32 pid)
{
	/* A page that could not be read was perhaps another process's. */
	walk->unreadable = 0;
	return unwind__walk(walk, pid, max_frames, UNWIND_FROM_PC);
}

/* With what @task entered the kernel. */
static __always_inline bool set_registers(struct unwind_walk *walk, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (!regs)
		return false;
#ifdef __TARGET_ARCH_x86
	unwind__begin(walk, regs, regs->ip, regs->sp);
#else
	unwind__begin(walk, regs, regs->pc, regs->sp);
#endif
	return true;
}

/* Whether the unwind tables that are loaded for @target are those of @mm. */
static __always_inline bool has_tables(struct contention_target *target, __u64 mm)
{
	if (target->mm == CONTENTION_ANY_MM)
		target->mm = mm;
	return target->mm == mm;
}

/* --- the holder */

static __always_inline struct task_struct *find_task(__u32 number)
{
	if (!number || number > FUTEX_TID_MASK)
		return NULL;
	if (bpf_task_from_vpid)
		return bpf_task_from_vpid(number);
	/* Right where the waiter's numbers are those of the first namespace. */
	if (bpf_task_from_pid)
		return bpf_task_from_pid(number);
	return NULL;
}

static __always_inline bool runs(struct task_struct *task)
{
	return bpf_core_field_exists(task->on_cpu) && task->on_cpu;
}

/* Walks the stack of @task, which was not running; false if it began to run meanwhile. */
static __always_inline bool walk_holder(struct scratch *scratch, struct task_struct *task)
{
	struct contention_wait *wait = &scratch->wait;
	unsigned long switches = task->nvcsw + task->nivcsw;

	if (!set_registers(&scratch->walk, task))
		return false;
	scratch->walk.hash = stack_seed(wait->header.process, wait->mm);
	walk_tables(&scratch->walk, wait->header.process);
	return !runs(task) && task->nvcsw + task->nivcsw == switches;
}

/*
 * Takes the stack of the thread @number, if it is one of @waiter's process. Another thread's
 * registers are known unless it runs: then the one who ends the wait will be looked at. Returns
 * whether it is such a thread.
 */
static __noinline int take_holder(struct scratch *scratch, __u32 number, int walks)
{
	struct task_struct *waiter = bpf_get_current_task_btf();
	struct task_struct *task = find_task(number);
	struct contention_wait *wait = &scratch->wait;
	bool is_owner;

	if (!task)
		return 0;
	is_owner = task->tgid == waiter->tgid;
	if (is_owner) {
		wait->owner = number;
		wait->owner_tid = number_of(task);
		if (runs(task) && task != waiter) {
			wait->header.flags |= CONTENTION_HOLDER_RAN;
		} else if (walks && (walk_holder(scratch, task) || task == waiter)) {
			wait->holder_stack = publish_stack(&scratch->walk, wait->header.process);
			wait->header.flags |= CONTENTION_HOLDER_AT_BEGIN;
		}
	}
	bpf_task_release(task);
	return is_owner;
}

static __always_inline __u32 word_at(const struct contention_wait *wait, int offset)
{
	return *(const __u32 *)&wait->image[CONTENTION_IMAGE_BEFORE + offset];
}

/* A stream's lock points to the descriptor of the thread that has it. */
static __always_inline __u32 read_descriptor(const struct contention_wait *wait)
{
	__u64 descriptor = (__u64)word_at(wait, MUTEX_OWNER + 4) << 32 | word_at(wait, MUTEX_OWNER);
	__u32 number = 0;

	if (descriptor >> 32)
		bpf_probe_read_user(
			&number, sizeof(number), (void *)(descriptor + GLIBC_TID_OFFSET));
	return number;
}

/*
 * Only user space can tell what kind of lock it is: so the places where locks name their owner
 * are tried, and what is not a thread of this process is not an owner.
 */
static __always_inline void find_holder(struct scratch *scratch, int walks)
{
	struct contention_wait *wait = &scratch->wait;

	if (take_holder(scratch, word_at(wait, MUTEX_OWNER), walks) ||
		take_holder(scratch, word_at(wait, RWLOCK_WRITER_BY_PHASE), walks) ||
		take_holder(scratch, word_at(wait, RWLOCK_WRITER_BY_WRITERS), walks) ||
		take_holder(scratch, read_descriptor(wait), walks))
		return;
	/* Priority inheritance, and a thread that is joined: the word is the TID. */
	take_holder(scratch, word_at(wait, 0) & FUTEX_TID_MASK, walks);
}

/* --- waits */

static __always_inline bool fill_wait(struct contention_wait *wait, struct task_struct *task,
	const struct futex_call *call, __u64 now)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	__builtin_memset(wait, 0, sizeof(*wait));
	wait->header.kind = EVENT_CONTENTION;
	wait->header.tid = number_of(task);
	wait->header.process = process_of(task);
	if (pid)
		wait->header.thread_sequence = number_at(pid, BPF_CORE_READ(pid, level));
	wait->begin_ns = now;
	wait->uaddr = call->uaddr;
	wait->mm = (__u64)task->mm;
	wait->number = call->number;
	wait->op = call->op;
	wait->expected = call->value;
	if (call->timeout && call->number != NR_FUTEX_WAITV)
		wait->header.flags |= CONTENTION_TIMED;
	bpf_probe_read_kernel_str(wait->comm, sizeof(wait->comm), task->comm);
	if (!bpf_probe_read_user(wait->image, sizeof(wait->image),
		    (void *)(call->uaddr - CONTENTION_IMAGE_BEFORE)))
		wait->image_bytes = sizeof(wait->image);
	return wait->header.process;
}

/* Wakes user space for a process whose code it does not know, but not too often. */
static __always_inline __u64 ask_for_tables(struct contention_target *target, __u64 now)
{
	if (now - target->asked_ns < CONTENTION_ASK_INTERVAL_NS)
		return 0;
	target->asked_ns = now;
	return BPF_RB_FORCE_WAKEUP;
}

/* A new process, where all are wanted. */
static __noinline struct contention_target *add_target(__u32 pid)
{
	struct contention_target target = {};

	bpf_map_update_elem(&targets, &pid, &target, BPF_NOEXIST);
	return bpf_map_lookup_elem(&targets, &pid);
}

static __always_inline void take_stacks(
	struct scratch *scratch, struct task_struct *task, struct contention_target *target)
{
	struct contention_wait *wait = &scratch->wait;
	bool tables = has_tables(target, wait->mm);

	scratch->walk.hash = stack_seed(wait->header.process, wait->mm);
	if (!tables)
		walk_frame_pointers(&scratch->walk);
	else if (set_registers(&scratch->walk, task))
		walk_tables(&scratch->walk, wait->header.process);
	wait->stack = publish_stack(&scratch->walk, wait->header.process);
	if (wait->image_bytes)
		find_holder(scratch, tables);
}

static __noinline int begin_wait(struct task_struct *task, struct contention_counters *counts,
	struct scratch *scratch, const struct futex_call *call)
{
	struct contention_target *target;
	__u32 key = task->pid, pid = process_of(task);

	target = bpf_map_lookup_elem(&targets, &pid);
	if (!target && all_processes && pid)
		target = add_target(pid);
	if (!target || target->ignored)
		return 0;
	if (!fill_wait(&scratch->wait, task, call, bpf_ktime_get_ns()))
		return 0;
	counts->seen++;
	take_stacks(scratch, task, target);
	if (bpf_map_update_elem(&wait_states, &key, &scratch->wait, BPF_ANY))
		counts->no_memory++;
	return 0;
}

/* How full the ring is when user space is woken before it comes by itself. */
#define WAKEUP_BYTES (4 * 1024 * 1024)

static __noinline int end_wait(__u32 key, struct contention_counters *counts)
{
	struct contention_wait *wait = bpf_map_lookup_elem(&wait_states, &key);
	struct contention_target *target;
	__u64 flags = BPF_RB_NO_WAKEUP;
	__u32 pid;

	if (!wait)
		return 0;
	counts->ended++;
	wait->header.time_ns = bpf_ktime_get_ns();
	pid = wait->header.process;
	target = bpf_map_lookup_elem(&targets, &pid);
	if (target && target->mm != wait->mm && ask_for_tables(target, wait->header.time_ns))
		flags = BPF_RB_FORCE_WAKEUP;
	else if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > WAKEUP_BYTES)
		flags = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&ring, wait, sizeof(*wait), flags))
		counts->ring_full++;
	bpf_map_delete_elem(&wait_states, &key);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switch_threads, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct contention_counters *counts = get_counters();
	struct futex_call call;
	struct scratch *scratch;
	__u32 zero = 0;

	if (!counts)
		return 0;
	/* 0: the idle thread of a CPU. */
	if (next->pid)
		end_wait(next->pid, counts);
	if (preempt || !(goes_to_sleep(prev) & STATE_INTERRUPTIBLE) || !futex_is_wait(prev, &call))
		return 0;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (scratch)
		begin_wait(prev, counts, scratch, &call);
	return 0;
}

/*
 * The waker of a thread whose owner's stack is not known: who releases the lock. Its futex call, in
 * which it is, tells it from an interrupt that ends a timed wait.
 */
SEC("tp_btf/sched_waking")
int BPF_PROG(wake_thread, struct task_struct *woken)
{
	struct task_struct *waker = bpf_get_current_task_btf();
	struct contention_target *target;
	struct contention_wait *wait;
	struct scratch *scratch;
	__u32 key = woken->pid, zero = 0;

	wait = bpf_map_lookup_elem(&wait_states, &key);
	if (!wait || wait->waker_tid || !futex_wakes(waker, wait->uaddr))
		return 0;
	wait->waker_tid = number_of(waker);
	if (wait->holder_stack || (__u64)waker->mm != wait->mm)
		return 0;
	key = wait->header.process;
	target = bpf_map_lookup_elem(&targets, &key);
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!target || !scratch)
		return 0;
	scratch->walk.hash = stack_seed(wait->header.process, wait->mm);
	if (!has_tables(target, wait->mm))
		walk_frame_pointers(&scratch->walk);
	else if (set_registers(&scratch->walk, waker))
		walk_tables(&scratch->walk, wait->header.process);
	wait->holder_stack = publish_stack(&scratch->walk, wait->header.process);
	wait->header.flags |= CONTENTION_HOLDER_AT_RELEASE;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
