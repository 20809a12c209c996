/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Holds: a thread of a traced process waits in the kernel, bounded, until user space has attached
 * to what is new in its process. It stays runnable there; nothing of the target is stopped or
 * touched. A ticket names who waits; it travels with a control record, and user space
 * answers that very ticket.
 */
#ifndef MEMTRACE_HOLD_BPF_H
#define MEMTRACE_HOLD_BPF_H

#include "state.bpf.h"
#include "task_work.bpf.h"

/* The longest that a thread is held; 0: none ever is. */
const volatile __u64 hold_limit_ns = 50000000;

#define SIGKILL_BIT (1 << 8)

/* Whether user space has answered a ticket, or will not be waited for any longer. */
enum hold_state { HOLD_WAITS, HOLD_ANSWERED, HOLD_FAILED };

struct hold {
	__u64 ticket;
	__u64 start;
	__u64 until; /* of this spell of waiting */
	__u64 sp;    /* 0, or an address that the process can read, in all likelihood */
	enum hold_state state;
};

static __always_inline struct hold_slot *hold_slot_of(__u64 ticket)
{
	return &shared.hold_slots[ticket & (HOLD_SLOTS - 1)];
}

/*
 * A new ticket; 0: nobody is held now, because nothing is to wait for user space (--hold=0), or
 * because the last one waited in vain and user space has not answered since.
 */
static __always_inline __u64 take_hold_ticket(void)
{
	if (!hold_limit_ns || *(volatile __u32 *)&shared.holds_suspended)
		return 0;
	return __sync_fetch_and_add(&shared.hold_tickets, 1) + 1;
}

static __always_inline bool is_killed(struct task_struct *task)
{
	return BPF_CORE_READ(task, pending.signal.sig[0]) & SIGKILL_BIT;
}

static __always_inline enum hold_state hold_state(const struct hold *hold, __u64 now)
{
	struct hold_slot *slot = hold_slot_of(hold->ticket);

	if (*(volatile __u64 *)&slot->answered >= hold->ticket ||
		is_killed(bpf_get_current_task_btf()))
		return HOLD_ANSWERED;
	if (now - hold->start > hold_limit_ns || *(volatile __u32 *)&shared.holds_suspended)
		return HOLD_FAILED;
	return HOLD_WAITS;
}

static __always_inline void raise_hold_maximum(__u64 duration)
{
	/* Two at once may leave the smaller: a figure for reports, which the next one mends. */
	if (duration > shared.hold_max_ns)
		shared.hold_max_ns = duration;
}

static __always_inline void end_hold(const struct hold *hold)
{
	__u64 duration = bpf_ktime_get_ns() - hold->start;

	__sync_fetch_and_add(&shared.held_now, -1);
	__sync_fetch_and_add(&shared.holds, 1);
	__sync_fetch_and_add(&shared.hold_ns, duration);
	raise_hold_maximum(duration);
	if (hold->state != HOLD_FAILED)
		return;
	__sync_fetch_and_add(&shared.hold_timeouts, 1);
	/* In this order: user space stores its answer, then looks here. */
	*(volatile __u64 *)&hold_slot_of(hold->ticket)->failed = hold->ticket;
	*(volatile __u32 *)&shared.holds_suspended = 1;
}

/* --- in a sleepable program, for kernels without BPF task work */

static long hold_step(__u64 index, struct hold *hold)
{
	__u64 word;

	hold->state = hold_state(hold, bpf_ktime_get_ns());
	if (hold->state != HOLD_WAITS)
		return 1;
	/*
	 * On kernels that do not preempt themselves user space may wait for this very CPU. What is
	 * read does not matter; the helper's way to the page has a cond_resched.
	 */
	bpf_copy_from_user_task(
		&word, sizeof(word), (void *)hold->sp, bpf_get_current_task_btf(), 0);
	return 0;
}

/* bpf_loop's own bound is 8 Mi steps, some two seconds: so there are rounds of them. */
static long hold_round(__u64 index, struct hold *hold)
{
	bpf_loop(1 << 20, hold_step, hold, 0);
	return hold->state != HOLD_WAITS;
}

/* Waits; @sp is an address that the process can read, in all likelihood. */
static __always_inline void hold_here(__u64 ticket, __u64 sp)
{
	struct hold hold = {.ticket = ticket, .start = bpf_ktime_get_ns(), .sp = sp};

	__sync_fetch_and_add(&shared.held_now, 1);
	bpf_loop(1 << 20, hold_round, &hold, 0);
	end_hold(&hold);
}

/*
 * --- by BPF task work
 *
 * The thread waits on its way to user space, in spells. Between two it goes by the place where the
 * kernel looks for signals and for others that want the CPU, with no lock held: who waits for this
 * thread's CPU, for the lock of its address space or for a grace period does not wait for the whole
 * hold. (The links that it is held for need all three.)
 */
#define HOLD_SPELL_NS 100000

struct waiting {
	struct bpf_task_work work;
	__u64 ticket;
	__u64 start;
};

/* By the thread's number in the first pid namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct waiting);
} waiting_tasks SEC(".maps");

static int hold_a_spell(void *map, void *key, void *value);

static __always_inline int await_next_spell(struct task_struct *task, __u64 ticket, __u64 start)
{
	struct waiting initial = {.ticket = ticket, .start = start}, *waiting;
	__u32 tid = task->pid;

	bpf_map_update_elem(&waiting_tasks, &tid, &initial, BPF_ANY);
	waiting = bpf_map_lookup_elem(&waiting_tasks, &tid);
	if (!waiting)
		return -1;
	return schedule_task_work(task, &waiting->work, &waiting_tasks, hold_a_spell, NULL);
}

static long spell_step(__u64 index, struct hold *hold)
{
	__u64 now = bpf_ktime_get_ns();

	hold->state = hold_state(hold, now);
	return hold->state != HOLD_WAITS || now > hold->until;
}

static int hold_a_spell(void *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct waiting *waiting = value;
	struct hold hold = {.ticket = waiting->ticket, .start = waiting->start};
	__u32 tid = task->pid;

	hold.until = bpf_ktime_get_ns() + HOLD_SPELL_NS;
	bpf_loop(1 << 20, spell_step, &hold, 0);
	if (hold.state == HOLD_WAITS) {
		/* The element that this runs for is replaced: one that runs cannot run again. */
		if (!await_next_spell(task, hold.ticket, hold.start))
			return 0;
		hold.state = HOLD_FAILED;
	}
	end_hold(&hold);
	bpf_map_delete_elem(&waiting_tasks, &tid);
	return 0;
}

/* Has the thread wait when it next goes to user space. It does not run there now. 0 or -errno. */
static __always_inline int hold_task(struct task_struct *task, __u64 ticket)
{
	if (await_next_spell(task, ticket, bpf_ktime_get_ns()))
		return -1;
	__sync_fetch_and_add(&shared.held_now, 1);
	return 0;
}

/*
 * Each held thread takes a CPU while it waits, so that user space, which all wait for, gets the
 * less of the CPUs the more they are: 200 children that one process forked at once took 20 s for
 * what takes 2 ms each. Above this many a parent waits with its child before it forks another.
 */
#define HELD_AT_ONCE 4

static __always_inline bool holds_crowd(void)
{
	return *(volatile __u64 *)&shared.held_now > HELD_AT_ONCE;
}

#endif
