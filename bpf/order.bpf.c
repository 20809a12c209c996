/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The order in which locks are taken. Each thread has the list of the locks that it holds, with the
 * stack that took each; a lock that is asked for while others are held is sent once for each
 * combination of them, by hash. An uncontended lock and unlock thus send nothing.
 *
 * Functions that wait until they have their lock are probed where they begin, and not at their
 * return: a thread that will wait for ever is seen, too, and no return address is touched. What
 * such a call waited is taken off the time that the lock is held for, at the scheduler's switch.
 */
#include "vmlinux.h"

#include "arguments.bpf.h"
#include "futex.bpf.h"
#include "order_gone.bpf.h"
#include "order_lock.bpf.h"
#include "order_nesting.bpf.h"
#include "order_place.bpf.h"
#include "order_records.h"
#include "session.bpf.h"

/* Bytes behind a lock's or a condition's address in which its futex words are. */
#define LOCK_BYTES 64

/* --- taking a lock */

static __always_inline void push_held(
	struct order_thread *thread, __u64 lock, __u64 stack, __u32 facts)
{
	struct order_held *held;

	if (thread->count >= ORDER_MAX_HELD - 1) {
		__sync_fetch_and_add(&order_shared.held_full, 1);
		return;
	}
	held = held_at(thread, thread->count);
	held->lock = lock;
	held->stack = stack;
	held->since_ns = bpf_ktime_get_ns();
	held->mark = mix(mix(lock, stack), facts + ((__u64)*epoch_of(lock) << 32));
	held->facts = facts;
	held->depth = 1;
	thread->held_hash += held->mark;
	thread->count++;
}

/* Whether the lock at @held was let go by another thread after it was taken. */
static __always_inline bool was_let_go(struct order_thread *thread, const struct order_held *held)
{
	struct order_lock_key key = {
		.process = thread->event.header.process, .address = held->lock};
	__u64 *when;

	if (!order_shared.foreign)
		return false;
	when = bpf_map_lookup_elem(&order_let_go, &key);
	return when && *when >= held->since_ns;
}

/* Whether it waits for itself: for what it holds, by the list and by the lock's memory. */
static __always_inline bool waits_for_itself(struct order_call *call, const struct order_held *held)
{
	__u32 kind = call->facts & ORDER_KIND_MASK;

	if (kind == ORDER_MUTEX)
		return !(call->facts & (ORDER_RECURSIVE | ORDER_ERROR_CHECK)) &&
		       is_owner(call->lock, call->facts);
	/* Reading and then writing; a writer is told EDEADLK. */
	if (kind == ORDER_RWLOCK)
		return held->facts & ORDER_READ && !(call->facts & ORDER_READ);
	return !(call->thread->last_lock == call->lock && call->sp < call->thread->last_sp) &&
	       (__s32)read_word(call->lock) <= 0;
}

/* It holds the lock already. False: it does not, after all. */
static __noinline int take_again(struct order_call *call, __u64 stack, __u32 index)
{
	struct order_thread *thread = call->thread;
	struct nesting nesting = {.lock = call->lock,
		.stack = stack,
		.facts = call->facts,
		.flags = ORDER_WAITS_SELF};
	struct order_held *held = held_at(thread, index);

	if (was_let_go(thread, held)) {
		drop_let_go(thread);
		return 0;
	}
	if (waits_for_itself(call, held)) {
		send_new_nesting(thread, &nesting, thread->held_hash, thread->count);
		return 1;
	}
	if ((call->facts & ORDER_KIND_MASK) == ORDER_RWLOCK) {
		if (held->facts & ORDER_READ && call->facts & ORDER_READ)
			held->depth++;
	} else if (call->facts & ORDER_RECURSIVE && is_owner(call->lock, call->facts)) {
		held->depth++;
	}
	return 1;
}

static __always_inline bool is_writer(__u32 facts)
{
	return (facts & (ORDER_KIND_MASK | ORDER_READ)) == ORDER_RWLOCK;
}

static __noinline int tell_of_nesting(struct order_call *call, __u64 stack, __u32 writer)
{
	struct order_thread *thread = call->thread;
	struct nesting nesting = {.lock = call->lock, .stack = stack, .facts = call->facts};

	if (order_shared.foreign)
		drop_let_go(thread);
	if (thread->count)
		send_new_nesting(thread, &nesting, thread->held_hash, thread->count);
	if (writer) {
		nesting.flags = ORDER_FIRST_WRITER;
		nesting.stack = 0;
		send_new_nesting(thread, &nesting, 0, 0);
	}
	return 0;
}

SEC("uprobe")
int order_lock(struct pt_regs *ctx)
{
	struct order_thread *thread = get_thread();
	__u64 cookie = bpf_get_attach_cookie(ctx), stack;
	struct order_call call = {.regs = ctx,
		.thread = thread,
		.sp = PT_REGS_SP(ctx),
		.facts = PROBE_COOKIE_FLAGS(cookie)};
	__u32 index;

	if (!thread)
		return 0;
	call.lock = argument(ctx, PROBE_COOKIE_POINTER(cookie));
	if (thread->stack_low && call.sp > thread->stack_low)
		end_stack_locks(thread, call.sp);
	stack = find_place(&call);
	index = find_held(thread, call.lock);
	if (index >= ORDER_MAX_HELD || !take_again(&call, stack, index)) {
		if (thread->count || is_writer(call.facts))
			tell_of_nesting(&call, stack, is_writer(call.facts));
		push_held(thread, call.lock, stack, call.facts);
	}
	thread->last_lock = call.lock;
	thread->last_sp = call.sp;
	thread->condition = 0;
	thread->slept = 0;
	return 0;
}

/* --- calls that may fail */

/* EOWNERDEAD: the lock is taken, and what it protects is to be mended. */
#define OWNER_DEAD 130

static __always_inline int on_try_entry(struct pt_regs *ctx)
{
	struct order_thread *thread = get_thread();
	__u64 cookie = bpf_get_attach_cookie(ctx), sp = PT_REGS_SP(ctx);
	struct order_call call = {
		.regs = ctx, .thread = thread, .sp = sp, .facts = PROBE_COOKIE_FLAGS(cookie)};
	struct nesting writer = {.flags = ORDER_FIRST_WRITER};

	if (!thread)
		return 1;
	/* musl's timed functions try first: the outermost call counts. */
	if (thread->pending.sp && sp < thread->pending.sp)
		return 1;
	call.lock = argument(ctx, PROBE_COOKIE_POINTER(cookie));
	thread->pending.sp = sp;
	thread->pending.lock = call.lock;
	thread->pending.continues = 0;
	/* Those that wait until they have it call the timed ones without a time. */
	if (call.facts & ORDER_MUSL && call.facts & ORDER_TIMED && thread->last_lock == call.lock &&
		!argument(ctx, PROBE_COOKIE_SIZE(cookie))) {
		thread->pending.continues = 1;
		return 0;
	}
	thread->pending.stack = find_place(&call);
	thread->pending.facts = call.facts | ORDER_TRIED;
	if (call.facts & ORDER_TIMED && is_writer(call.facts)) {
		writer.lock = call.lock;
		writer.facts = call.facts;
		send_new_nesting(thread, &writer, 0, 0);
	}
	return 0;
}

static __always_inline int on_try_return(struct pt_regs *ctx)
{
	struct order_thread *thread = get_thread();
	int result = (int)PT_REGS_RC(ctx);
	struct order_try *try;
	__u32 index;

	if (!thread)
		return 0;
	try = &thread->pending;
	if (!try->sp || PT_REGS_SP(ctx) != RETURN_SP(try->sp))
		return 0;
	try->sp = 0;
	if (try->continues || (result && result != OWNER_DEAD))
		return 0;
	index = find_held(thread, try->lock);
	if (index < ORDER_MAX_HELD)
		held_at(thread, index)->depth++;
	else
		push_held(thread, try->lock, try->stack, try->facts);
	thread->last_lock = 0;
	return 0;
}

SEC("uprobe")
int order_try_entry(struct pt_regs *ctx)
{
	on_try_entry(ctx);
	return 0;
}

SEC("uprobe")
int order_try_return(struct pt_regs *ctx)
{
	return on_try_return(ctx);
}

SEC("uprobe")
int order_try_session(struct pt_regs *ctx)
{
	return session_is_return() ? on_try_return(ctx) : on_try_entry(ctx);
}

/* --- letting one go */

static __noinline int add_hold(
	struct order_thread *thread, const struct order_held *held, __u64 duration)
{
	struct order_lock_key key = {
		.process = thread->event.header.process, .address = held->lock};
	struct order_hold *hold = bpf_map_lookup_elem(&order_holds, &key);
	struct order_hold first = {.count = 1,
		.total_ns = duration,
		.max_ns = duration,
		.max_stack = held->stack,
		.facts = held->facts & ~(ORDER_READ | ORDER_TRIED)};

	if (!hold) {
		if (bpf_map_update_elem(&order_holds, &key, &first, BPF_NOEXIST))
			__sync_fetch_and_add(&order_shared.holds_full, 1);
		return 0;
	}
	/* Who lets a lock go that he has for himself is alone with its sums. */
	if (held->facts & ORDER_READ) {
		__sync_fetch_and_add(&hold->count, 1);
		__sync_fetch_and_add(&hold->total_ns, duration);
	} else {
		hold->count++;
		hold->total_ns += duration;
	}
	if (duration > hold->max_ns) {
		hold->max_ns = duration;
		hold->max_stack = held->stack;
	}
	return 0;
}

static __always_inline void remove_held(struct order_thread *thread, __u32 index)
{
	struct order_held *held = held_at(thread, index);
	__u32 last = thread->count - 1;

	thread->held_hash -= held->mark;
	if (index != last)
		*held = *held_at(thread, last);
	thread->count = last;
}

/* By a thread that was not seen to take it: another one's, or from before memtrace came. */
static __noinline int let_go_unseen(struct order_thread *thread, __u64 lock)
{
	struct order_lock_key key = {.process = thread->event.header.process, .address = lock};
	__u64 now = bpf_ktime_get_ns();
	struct order_foreign *event;

	bpf_map_update_elem(&order_let_go, &key, &now, BPF_ANY);
	__sync_fetch_and_add(&order_shared.foreign, 1);
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&order_shared.ring_full, 1);
		return 0;
	}
	event->header = thread->event.header;
	event->header.kind = EVENT_ORDER_FOREIGN;
	event->header.time_ns = now;
	event->lock = lock;
	event->thread_start_ns = thread->event.thread_start_ns;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("uprobe")
int order_unlock(struct pt_regs *ctx)
{
	struct order_thread *thread = get_thread();
	__u64 sp = PT_REGS_SP(ctx), lock;
	struct order_held *held;
	__u32 index;

	if (!thread)
		return 0;
	lock = argument(ctx, PROBE_COOKIE_POINTER(bpf_get_attach_cookie(ctx)));
	index = find_held(thread, lock);
	thread->last_lock = 0;
	if (index >= ORDER_MAX_HELD) {
		/* Not the C library's function, called by one that stands in for it. */
		if (thread->let_go != lock || sp >= thread->let_go_sp)
			let_go_unseen(thread, lock);
		return 0;
	}
	held = held_at(thread, index);
	if (held->depth > 1) {
		held->depth--;
		return 0;
	}
	add_hold(thread, held, bpf_ktime_get_ns() - held->since_ns);
	remove_held(thread, index);
	thread->let_go = lock;
	thread->let_go_sp = sp;
	return 0;
}

/* --- a wait on a condition */

static __noinline int wait_on_condition(struct order_call *call, __u64 condition)
{
	struct order_thread *thread = call->thread;
	struct nesting nesting = {.lock = call->lock, .flags = ORDER_RETAKES};
	__u64 now = bpf_ktime_get_ns();
	struct order_held *held;
	__u32 index, last;

	if (order_shared.foreign)
		drop_let_go(thread);
	index = find_held(thread, call->lock);
	if (index >= ORDER_MAX_HELD)
		return 0;
	/* It goes to the end: those in front are held during the wait. */
	last = thread->count - 1;
	held = held_at(thread, last);
	if (index != last) {
		struct order_held moved = *held_at(thread, index);

		*held_at(thread, index) = *held;
		*held = moved;
	}
	add_hold(thread, held, now - held->since_ns);
	held->since_ns = now;
	if (last) {
		nesting.stack = find_place(call);
		nesting.facts = held->facts & ~ORDER_TRIED;
		send_new_nesting(thread, &nesting, thread->held_hash - held->mark, last);
	}
	thread->last_lock = call->lock;
	thread->last_sp = call->sp;
	thread->condition = condition;
	thread->slept = 0;
	return 0;
}

/* --- what was a lock */

static __noinline int end_lock(struct order_thread *thread, __u64 lock)
{
	__u32 index = find_held(thread, lock);

	if (index < ORDER_MAX_HELD)
		remove_held(thread, index);
	thread->last_lock = 0;
	if (forget_piece(lock))
		send_gone(thread, lock, 1);
	return 0;
}

/* The rare functions. */
SEC("uprobe")
int order_other(struct pt_regs *ctx)
{
	struct order_thread *thread = get_thread();
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct order_call call = {.regs = ctx,
		.thread = thread,
		.sp = PT_REGS_SP(ctx),
		.facts = PROBE_COOKIE_FLAGS(cookie)};

	if (!thread)
		return 0;
	if (PROBE_COOKIE_FUNCTION(cookie) == ORDER_CONDITION) {
		call.lock = argument(ctx, PROBE_COOKIE_SIZE(cookie));
		return wait_on_condition(&call, argument(ctx, PROBE_COOKIE_POINTER(cookie)));
	}
	return end_lock(thread, argument(ctx, PROBE_COOKIE_POINTER(cookie)));
}

/* Of an allocator whose blocks do not tell their size: it is at least this, or a lock is not in it.
 */
#define UNKNOWN_BLOCK 64

static __always_inline __u64 block_size(__u64 block, __u32 flags)
{
	__u64 size = 0;

	if (!(flags & ORDER_OF_GLIBC))
		return UNKNOWN_BLOCK;
	/* malloc.c: the size of a chunk, with three flags, in front of what is given out. */
	bpf_probe_read_user(&size, sizeof(size), (void *)(block - 8));
	return (size & ~7ull) > 8 ? (size & ~7ull) - 8 : UNKNOWN_BLOCK;
}

SEC("uprobe")
int order_free(struct pt_regs *ctx)
{
	struct order_thread *thread;
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u64 block = argument(ctx, PROBE_COOKIE_POINTER(cookie)), size, piece;
	bool found = false;

	if (!block)
		return 0;
	size = block_size(block, PROBE_COOKIE_FLAGS(cookie));
	piece = block & ~((1ull << ORDER_GRAIN_SHIFT) - 1);
	for (int i = 0; i < BLOCK_PIECES && piece < block + size; i++) {
		found |= forget_piece(piece);
		piece += 1ull << ORDER_GRAIN_SHIFT;
	}
	if (!found && piece >= block + size)
		return 0;
	thread = get_thread();
	if (thread)
		send_gone(thread, block, size);
	return 0;
}

/* --- what a thread waited is not the time that it holds its lock */

static __always_inline bool is_in(__u64 address, __u64 start)
{
	return start && address - start < LOCK_BYTES;
}

static __always_inline void note_sleep(struct task_struct *task)
{
	struct order_thread *thread = bpf_task_storage_get(&order_threads, task, NULL, 0);
	struct futex_call call;

	if (!thread || !thread->last_lock || !goes_to_sleep(task) || !futex_is_wait(task, &call))
		return;
	if (is_in(call.uaddr, thread->last_lock) || is_in(call.uaddr, thread->condition))
		thread->slept = 1;
}

static __always_inline void note_wakeup(struct task_struct *task)
{
	struct order_thread *thread = bpf_task_storage_get(&order_threads, task, NULL, 0);
	struct order_held *held;

	if (!thread || !thread->slept || !thread->count)
		return;
	thread->slept = 0;
	held = held_at(thread, thread->count - 1);
	if (held->lock == thread->last_lock)
		held->since_ns = bpf_ktime_get_ns();
}

SEC("tp_btf/sched_switch")
int BPF_PROG(order_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	if (!preempt)
		note_sleep(prev);
	note_wakeup(next);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
