/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A look at every thread of the machine, from an iterator over tasks: no thread is stopped, sent a
 * signal or even woken. Registers of a thread that is blocked in a system call are those with
 * which it entered the kernel; user space unwinds them and reads the memory around the futex.
 *
 * Not sleepable, although it might be: nothing here touches user memory, and kernels from 5.15 on
 * run it (bpf_task_pt_regs). Copying words and stacks here (bpf_copy_from_user_task, from 5.18 on)
 * would ask for no fewer rights in all: the memory map and the files behind it, without which
 * neither stacks nor names can be had, take those of ptrace(2) as process_vm_readv(2) does. Nor
 * would it show a single moment: the iterator lets the threads run, too. What counts is what two
 * looks show if no thread of a cycle ran between them.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "look_thread.h"
#include "task_number.bpf.h"

#define PF_KTHREAD 0x00200000
#define STATE_STOPPED_OR_TRACED 0xc

/*
 * How deep the pid namespace of whoever reads the iterator lies below the first: found here, as no
 * file of /proc tells it inside a container.
 */
__u32 reader_level;

/* Scratch: the record is too large for the stack beside the rest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct look_thread);
} scratch SEC(".maps");

static __always_inline __u32 namespace_of(struct pid *pid, __u32 level)
{
	__u64 element = bpf_core_type_size(struct upid);
	struct pid_namespace *ns = NULL;

	bpf_probe_read_kernel(&ns, sizeof(ns), (void *)&pid->numbers[0].ns + element * level);
	return ns ? BPF_CORE_READ(ns, ns.inum) : 0;
}

static __always_inline bool fill_numbers(struct look_thread *out, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid *leader = BPF_CORE_READ(task, group_leader, thread_pid);
	struct task_struct *reader = (struct task_struct *)bpf_get_current_task_btf();
	__u32 level, ours;

	if (!pid || !leader)
		return false;
	level = BPF_CORE_READ(pid, level);
	ours = BPF_CORE_READ(reader, thread_pid, level);
	reader_level = ours;
	if (level < ours)
		return false;
	out->tid = number_at(pid, ours);
	out->pid = number_at(leader, ours);
	out->ns_tid = number_at(pid, level);
	out->ns_pid = number_at(leader, level);
	out->pid_namespace = namespace_of(pid, level);
	return out->tid && out->pid;
}

static __always_inline __u32 state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ((struct task_struct___old *)task, state);
}

/* When a task last stopped running: it was put on a CPU, and ran for so long. */
static __always_inline __u64 stopped_at(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->sched_info.last_arrival))
		return 0;
	return BPF_CORE_READ(task, sched_info.last_arrival) +
	       BPF_CORE_READ(task, se.sum_exec_runtime) -
	       BPF_CORE_READ(task, se.prev_sum_exec_runtime);
}

/*
 * A restarted call still has the registers of the one that was interrupted, but its number. If the
 * address noted for the restart is the first argument, it was a futex wait.
 */
static __always_inline void fill_restarted(struct look_thread *out, struct task_struct *task)
{
	struct task_struct___futex *waiter = (void *)task;

	if (!bpf_core_field_exists(waiter->restart_block.futex.uaddr))
		return;
	if ((__u64)BPF_CORE_READ(waiter, restart_block.futex.uaddr) == out->args[0])
		out->flags |= LOOK_RESTARTED;
}

#if defined(__TARGET_ARCH_x86)

#define NR_RESTART_SYSCALL 219
/* `ret` takes the return address off the stack. */
#define RETURN_SP(entry_sp) ((entry_sp) + 8)
#define USER32_CS 0x23

static __always_inline void fill_registers(struct look_thread *out, struct pt_regs *regs)
{
	out->ip = regs->ip;
	out->sp = regs->sp;
	out->saved[0] = regs->bx;
	out->saved[1] = regs->bp;
	out->saved[2] = regs->r12;
	out->saved[3] = regs->r13;
	out->saved[4] = regs->r14;
	out->saved[5] = regs->r15;
	out->syscall = (__s64)regs->orig_ax;
	out->result = (__s64)regs->ax;
	out->args[0] = regs->di;
	out->args[1] = regs->si;
	out->args[2] = regs->dx;
	out->args[3] = regs->r10;
	out->args[4] = regs->r8;
	out->args[5] = regs->r9;
	if (regs->cs != USER32_CS)
		return;
	out->flags |= LOOK_32BIT;
	out->args[0] = (__u32)regs->bx;
	out->args[1] = (__u32)regs->cx;
	out->args[3] = (__u32)regs->si;
}
#elif defined(__TARGET_ARCH_arm64)

#define NR_RESTART_SYSCALL 128
#define RETURN_SP(entry_sp) (entry_sp)

static __always_inline void fill_registers(struct look_thread *out, struct pt_regs *regs)
{
	out->ip = regs->pc;
	out->sp = regs->sp;
#pragma unroll
	for (int i = 0; i < LOOK_SAVED_REGISTERS; i++)
		out->saved[i] = regs->regs[19 + i];
	out->syscall = regs->syscallno;
	out->result = (__s64)regs->regs[0];
	out->args[0] = regs->orig_x0;
#pragma unroll
	for (int i = 1; i < 6; i++)
		out->args[i] = regs->regs[i];
	if (regs->pstate & 0x10) /* PSR_MODE32_BIT */
		out->flags |= LOOK_32BIT;
}
#endif

/* A thread stopped in a wait has left it with one of ERESTARTSYS (512) to
 * ERESTART_RESTARTBLOCK (516), and will enter it again: include/linux/errno.h. */
static __always_inline bool is_restarting(struct look_thread *out)
{
	return out->result >= -516 && out->result <= -512;
}

/*
 * Return probes put an address of the kernel's in place of the one on the stack, and note the true
 * one: struct return_instance, whose `stack` is the stack pointer at the function's entry.
 */
static __always_inline void fill_returns(struct look_thread *out, struct task_struct *task)
{
	struct return_instance *instance;

	if (!bpf_core_field_exists(task->utask) || !BPF_CORE_READ(task, utask))
		return;
	instance = BPF_CORE_READ(task, utask, return_instances);
	for (int i = 0; i < UNWIND_SAVED_RETURNS && instance; i++) {
		out->returns[i].cfa = RETURN_SP(BPF_CORE_READ(instance, stack));
		out->returns[i].address = BPF_CORE_READ(instance, orig_ret_vaddr);
		instance = BPF_CORE_READ(instance, next);
	}
}

SEC("iter/task")
int look_at_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct look_thread *out;
	struct pt_regs *regs;
	__u32 zero = 0;

	out = bpf_map_lookup_elem(&scratch, &zero);
	if (!task || !out)
		return 0;
	__builtin_memset(out, 0, sizeof(*out));
	if (!fill_numbers(out, task))
		return 0;
	out->state = state_of(task);
	out->exit_state = BPF_CORE_READ(task, exit_state);
	out->start_ns = BPF_CORE_READ(task, start_boottime);
	out->switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
	out->asleep_since = stopped_at(task);
	/* The reader runs now: when it would have stopped is the scheduler's clock at its last
	 * tick, near enough for an age. */
	out->now = stopped_at((struct task_struct *)bpf_get_current_task_btf());
	out->syscall = -1;
	bpf_probe_read_kernel_str(out->comm, sizeof(out->comm), task->comm);
	if (bpf_core_field_exists(task->on_cpu) && BPF_CORE_READ(task, on_cpu))
		out->flags |= LOOK_ON_CPU;
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD) && BPF_CORE_READ(task, mm)) {
		out->flags |= LOOK_USER;
		regs = (struct pt_regs *)bpf_task_pt_regs(task);
		if (regs)
			fill_registers(out, regs);
		if (out->state & STATE_STOPPED_OR_TRACED && !is_restarting(out))
			out->syscall = -1;
		if (out->syscall == NR_RESTART_SYSCALL && !(out->flags & LOOK_32BIT))
			fill_restarted(out, task);
		fill_returns(out, task);
	}
	bpf_seq_write(ctx->meta->seq, out, sizeof(*out));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
