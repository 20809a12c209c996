/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Programs on allocation functions. An entry program notes what was asked for; the return program
 * sends the record, because the address is known only then; free sends at entry (event.h says why).
 *
 * Each exists in two forms over the same body: a pair on an entry and a return link, and one
 * program on a session link, which the kernel calls for both ends and whose entry may decline the
 * return.
 */
#include "arguments.bpf.h"
#include "calls.bpf.h"
#include "costs.bpf.h"
#include "limits.bpf.h"
#include "own_calls.bpf.h"
#include "probe.h"
#include "session.bpf.h"
#include "stack.bpf.h"
#include "state.bpf.h"

struct threads_map threads SEC(".maps");
struct targets_map targets SEC(".maps");
struct ring_map ring SEC(".maps");
struct control_ring_map control_ring SEC(".maps");
struct code_log_map code_log SEC(".maps");
struct led_to_map led_to SEC(".maps");

struct tracer_shared shared;
const volatile __u64 wakeup_bytes = 1 << 24;
/* No allocation of this many bytes can succeed: RAM and swap together, unless overcommitted. */
const volatile __u64 impossible_size = ~0ull;

/* Bytes of stack that operator new uses at the most before it calls malloc. */
#define HINT_REACH 4096

/* What an entry program tells the session link: whether it wants to see the return. */
enum { WATCH_RETURN = 0, SKIP_RETURN = 1 };

static __always_inline __u64 saturating_product(__u64 a, __u64 b)
{
	__u64 limit;

	if (!((a | b) >> 32) || !a)
		return a * b;
	limit = ~0ull / a;
	/* Hides the division: clang would make it a 128-bit product, which BPF lacks. */
	barrier_var(limit);
	return b > limit ? ~0ull : a * b;
}

static __always_inline __u64 requested_size(struct pt_regs *ctx, __u64 cookie)
{
	__u64 size = argument(ctx, PROBE_COOKIE_SIZE(cookie));

	if (PROBE_COOKIE_COUNT(cookie) != PROBE_NO_ARGUMENT)
		size = saturating_product(size, argument(ctx, PROBE_COOKIE_COUNT(cookie)));
	return size;
}

/*
 * Whether a call that may throw and has a return probe is still under way: its return address stays
 * replaced by the kernel's trampoline until the frame is reused.
 */
static __always_inline bool has_frame(struct thread_state *state)
{
#ifdef __TARGET_ARCH_x86
	return read_return_address(state->call.sp) != state->call.return_address;
#else
	return true;
#endif
}

/*
 * Where the function being entered is, if there are calls that end at a `ret`. What an exception
 * needs that is on its way through such a call is not the call's, which is over.
 */
static __noinline int find_place(struct pt_regs *ctx, struct thread_state *state)
{
	enum own_place place = own_place(ctx, state);
	struct own_call_key key = {.process = state->process};
	__u64 last = state->own_sp;
	struct own_call *own;

	key.sp = place == OWN_OUTSIDE ? last : state->own_found;
	own = bpf_map_lookup_elem(&own_calls, &key);
	if (!own)
		return OWN_OUTSIDE;
	/* The same function at the same place: the call before has never returned. */
	if (own->call.has_thrown || (place == OWN_CONTINUED && own->site == PT_REGS_IP(ctx))) {
		if (take_own_call(state, key.sp))
			abandon_call(state, &state->own.call);
		return OWN_OUTSIDE;
	}
	if (last && last != key.sp)
		mark_left(state, last, true);
	mark_left(state, key.sp, place == OWN_OUTSIDE);
	return place;
}

/*
 * Whether the function being entered at @sp was called by the allocation call in flight. A call in
 * flight further down the stack than @sp was abandoned.
 */
static __always_inline bool is_nested(struct thread_state *state, __u64 sp, enum own_place place)
{
	if (place != OWN_OUTSIDE)
		return true;
	if (!state->call.sp)
		return false;
	if (sp <= state->call.sp && (!(state->call.flags & PROBE_MAY_THROW) || has_frame(state)))
		return true;
	abandon_call(state, &state->call);
	return false;
}

static __always_inline enum own_place enter_function(
	struct pt_regs *ctx, struct thread_state *state)
{
	return shared.own_calls ? find_place(ctx, state) : OWN_OUTSIDE;
}

static __always_inline void fill_call(struct pt_regs *ctx, struct call_in_flight *call, __u64 sp,
	__u64 cookie, __u64 size, __u64 pointer)
{
	call->sp = sp;
	call->size = size;
	call->pointer = pointer;
	call->operation = PROBE_COOKIE_OPERATION(cookie);
	call->function = PROBE_COOKIE_FUNCTION(cookie);
	call->flags = PROBE_COOKIE_FLAGS(cookie);
	call->has_thrown = false;
	if (call->flags & (PROBE_MAY_THROW | PROBE_AT_RETURNS))
		call->return_address = next_pc(ctx);
}

static __always_inline void enter_call(struct pt_regs *ctx, struct thread_state *state, __u64 sp,
	__u64 cookie, __u64 size, __u64 pointer)
{
	if (!(PROBE_COOKIE_FLAGS(cookie) & PROBE_AT_RETURNS)) {
		fill_call(ctx, &state->call, sp, cookie, size, pointer);
		return;
	}
	/* One that was there had another caller: it is gone. */
	if (take_own_call(state, sp))
		abandon_call(state, &state->own.call);
	fill_call(ctx, &state->own.call, sp, cookie, size, pointer);
	state->own.site = PT_REGS_IP(ctx);
	put_own_call(state, sp);
}

/* Whether the function entered at @sp was called, or jumped to, by the operator new of the hint. */
static __always_inline bool is_hinted(struct thread_state *state, __u64 sp)
{
	return state->hint.sp && sp <= state->hint.sp && state->hint.sp - sp < HINT_REACH;
}

static __always_inline int enter_realloc(
	struct pt_regs *ctx, struct thread_state *state, __u64 cookie, __u64 sp)
{
	__u64 pointer = argument(ctx, PROBE_COOKIE_POINTER(cookie));

	enter_call(ctx, state, sp, cookie, requested_size(ctx, cookie), pointer);
	if (pointer)
		send_free(state, EVENT_REALLOC_BEGIN, PROBE_COOKIE_FUNCTION(cookie), pointer);
	return WATCH_RETURN;
}

/*
 * A function with no end of its own has jumped to this one, whose end is then its end: what it was
 * asked for stands.
 */
static __always_inline int continue_call(
	struct pt_regs *ctx, struct thread_state *state, __u64 cookie)
{
	__u32 flags = PROBE_COOKIE_FLAGS(cookie);

	if (flags & PROBE_AT_RETURNS || !take_own_call(state, state->own_found))
		return SKIP_RETURN;
	if (flags & PROBE_MAY_THROW) {
		count_loss(LOSS_RETURN_MISSED);
		return SKIP_RETURN;
	}
	state->call = state->own.call;
	state->call.flags = flags;
	return WATCH_RETURN;
}

static __always_inline int on_alloc_entry(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get_allocating();
	__u64 cookie, size, sp = PT_REGS_SP(ctx);
	enum own_place place;
	__u32 function;

	if (!state || !shared.enabled)
		return SKIP_RETURN;
	place = enter_function(ctx, state);
	if (is_nested(state, sp, place))
		return place == OWN_CONTINUED
			       ? continue_call(ctx, state, bpf_get_attach_cookie(ctx))
			       : SKIP_RETURN;
	cookie = bpf_get_attach_cookie(ctx);
	if (PROBE_COOKIE_OPERATION(cookie) == PROBE_REALLOC)
		return enter_realloc(ctx, state, cookie, sp);
	size = requested_size(ctx, cookie);
	function = PROBE_COOKIE_FUNCTION(cookie);
	if (is_hinted(state, sp)) {
		size = state->hint.size;
		function = state->hint.function;
		cookie = PROBE_COOKIE_AS(cookie, function);
	}
	/* The next allocation after operator new was entered is the one inside it, or none is. */
	state->hint.sp = 0;
	if ((PROBE_COOKIE_FLAGS(cookie) & (PROBE_MAY_THROW | PROBE_AT_RETURNS)) ==
		PROBE_MAY_THROW) {
		if (size >= impossible_size) {
			send_failed(state, function, size);
			return SKIP_RETURN;
		}
		/* Allocators round up, by a quarter at the most. */
		if (size >= impossible_size / 5 * 4 || may_reach_limit(size)) {
			count_loss(LOSS_RETURN_MISSED);
			return SKIP_RETURN;
		}
	}
	enter_call(ctx, state, sp, cookie, size, argument(ctx, PROBE_COOKIE_POINTER(cookie)));
	return WATCH_RETURN;
}

/* The state of the thread whose outermost call returns now, or NULL: another call's return. */
static __always_inline struct thread_state *leave_call(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get_allocating();

	/* A nested call, or one that began before memtrace came. */
	if (!state || !state->call.sp || PT_REGS_SP(ctx) != RETURN_SP(state->call.sp))
		return NULL;
	state->call.sp = 0;
	return shared.enabled ? state : NULL;
}

/* An outermost call is over with @result, and goes on in its caller at @pc with @sp. */
static __always_inline int finish_call(struct pt_regs *ctx, struct thread_state *state,
	struct call_in_flight *call, __u64 result, __u64 pc, __u64 sp)
{
	__u64 address, stack;

	address = returned_address(call, result);
	/* The one place that takes stacks: the walker is the costly part to verify. */
	stack = address ? capture_stack(ctx, state, pc, sp) : 0;
	if (call->operation == PROBE_REALLOC && call->pointer)
		return send_realloc_end(state, call, address, stack);
	if (address)
		return send_alloc(state, call, address, stack);
	send_failed(state, call->function, call->size);
	return 0;
}

static __always_inline int on_alloc_return(struct pt_regs *ctx)
{
	struct thread_state *state = leave_call(ctx);

	/* One that gives memory back only got here by jumping. */
	if (!state || state->call.operation == PROBE_FREE)
		return 0;
	return finish_call(ctx, state, &state->call, argument(ctx, PROBE_RAX), PT_REGS_IP(ctx),
		PT_REGS_SP(ctx));
}

/*
 * At a `ret`: registers and stack are as the call's caller gets them, except the return address.
 * Other callers come by, too, with other stack pointers; after an exception even with the same one.
 */
static __always_inline int on_alloc_ret(struct pt_regs *ctx)
{
	struct own_call_key key = {.sp = PT_REGS_SP(ctx)};
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct thread_state *state;
	struct own_call *own;

	if (!shared.own_calls)
		return 0;
	state = thread_state__get_allocating();
	if (!state)
		return 0;
	key.process = state->process;
	own = bpf_map_lookup_elem(&own_calls, &key);
	if (!own || (own->call.has_thrown && next_pc(ctx) != own->call.return_address))
		return 0;
	if (!take_own_call(state, key.sp) || !shared.enabled ||
		state->own.call.operation == PROBE_FREE)
		return 0;
	return finish_call(ctx, state, &state->own.call,
		argument(ctx, PROBE_COOKIE_FLAGS(cookie) & PROBE_RETURNS_ARGUMENT ? 0 : PROBE_RAX),
		true_next_pc(ctx, key.sp), RETURN_SP(key.sp));
}

/* Whether the return address is one of those in tracer_shared.internal_calls. */
static __always_inline bool returns_to_internal_call(struct pt_regs *ctx)
{
	__s64 distance = next_pc(ctx) - PT_REGS_IP(ctx);

	for (int i = 0; i < MAX_INTERNAL_CALLS; i++) {
		if (!shared.internal_calls[i])
			return false;
		if (shared.internal_calls[i] == distance)
			return true;
	}
	return false;
}

/* Bytes of stack between the function that starts a thread and what it calls to end it. */
#define THREAD_END_REACH 1024

/*
 * Whether free was called by glibc itself, at a thread's end, with a chunk that was freed before.
 * To read the return address costs half as much as all the rest, so it is not done where the stack
 * is deeper than at a thread's end, nor in the main thread, whose end is the process's.
 */
static __always_inline bool is_internal_call(struct pt_regs *ctx, struct thread_state *state)
{
	__u64 sp = PT_REGS_SP(ctx);

	if (state->tid == state->tgid)
		return false;
	if (sp > state->free_top)
		state->free_top = sp;
	return sp + THREAD_END_REACH >= state->free_top && returns_to_internal_call(ctx);
}

/* A call that ended by a jump to free, which for realloc is an outcome. */
static __noinline int end_by_free(struct thread_state *state)
{
	if (take_own_call(state, state->own_found) && state->own.call.operation == PROBE_REALLOC &&
		state->own.call.pointer)
		send_realloc_end(state, &state->own.call, 0, 0);
	return SKIP_RETURN;
}

static __always_inline int on_free_entry(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u64 address = argument(ctx, PROBE_COOKIE_POINTER(cookie));
	struct thread_state *state;
	enum own_place place;

	if (!address)
		return SKIP_RETURN;
	state = thread_state__get_allocating();
	if (!state || !shared.enabled)
		return SKIP_RETURN;
	place = enter_function(ctx, state);
	if (is_nested(state, PT_REGS_SP(ctx), place))
		return place == OWN_CONTINUED ? end_by_free(state) : SKIP_RETURN;
	if (PROBE_COOKIE_FLAGS(cookie) & PROBE_INTERNAL_CALLS && is_internal_call(ctx, state))
		return SKIP_RETURN;
	send_free(state, EVENT_FREE, PROBE_COOKIE_FUNCTION(cookie), address);
	return SKIP_RETURN;
}

/* operator delete of an allocator of its own: what it calls is nested, so its return counts. */
static __always_inline int on_delete_entry(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u64 address = argument(ctx, PROBE_COOKIE_POINTER(cookie)), sp = PT_REGS_SP(ctx);
	struct thread_state *state;
	enum own_place place;

	if (!address)
		return SKIP_RETURN;
	state = thread_state__get_allocating();
	if (!state || !shared.enabled)
		return SKIP_RETURN;
	place = enter_function(ctx, state);
	if (is_nested(state, sp, place))
		return place == OWN_CONTINUED ? continue_call(ctx, state, cookie) : SKIP_RETURN;
	send_free(state, EVENT_FREE, PROBE_COOKIE_FUNCTION(cookie), address);
	enter_call(ctx, state, sp, cookie, 0, address);
	return WATCH_RETURN;
}

/* For mapping.bpf.c and faults.bpf.c: the walker is in this object. */
__noinline __u64 capture_call_stack(struct thread_state *state)
{
	return state ? capture_entry_stack(state) : 0;
}

/* For process.bpf.c: a forked child unwinds with its parent's tables from its first call on. */
__noinline int share_unwind_space(__u32 parent, __u32 child)
{
	python__share_space(parent, child);
	return unwind__share_space(parent, child);
}

/* An image has ended. User space does this too, but may not have heard of the process at all. */
__noinline int drop_unwind_space(__u32 process)
{
	return bpf_map_delete_elem(&unwind_spaces, &process);
}

/*
 * For order.bpf.c: walks from the registers that are set in state->walk, at most @limit frames. The
 * hash of the stack, which was sent unless that was done before.
 */
__noinline __u64 capture_stack_from(struct thread_state *state, __u32 limit)
{
	if (!state)
		return 0;
	state->walk.hash = stack_seed(state);
	unwind__walk(&state->walk, state->process, limit, UNWIND_FROM_RETURN);
	if (state->walk.met_unknown)
		report_unknown_code(state);
	if (walks_python())
		python_walk_frames(state);
	return publish_stack(state);
}

/* The same without sending: state->walk is then at the frame behind the last one. */
__noinline int walk_stack_from(struct thread_state *state, __u32 limit)
{
	if (!state)
		return 0;
	state->walk.hash = 0;
	return unwind__walk(&state->walk, state->process, limit, UNWIND_FROM_RETURN);
}

SEC("uprobe")
int alloc_entry(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	on_alloc_entry(ctx);
	return costs__end(begin, TRAP_ENTRY, 0);
}

SEC("uprobe")
int delete_entry(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	on_delete_entry(ctx);
	return costs__end(begin, TRAP_ENTRY, 0);
}

SEC("uprobe")
int alloc_return(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	return costs__end(begin, TRAP_RETURN, on_alloc_return(ctx));
}

SEC("uprobe")
int alloc_ret(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	return costs__end(begin, TRAP_STEPPED, on_alloc_ret(ctx));
}

/* A function whose ends are `ret`s: it gives memory out, or takes it back and may call others. */
SEC("uprobe")
int throwing_entry(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	if (PROBE_COOKIE_OPERATION(bpf_get_attach_cookie(ctx)) == PROBE_FREE)
		on_delete_entry(ctx);
	else
		on_alloc_entry(ctx);
	return costs__end(begin, TRAP_ENTRY, 0);
}

/* An exception begins: if it does so in a call in flight, that call is unlikely to return. */
SEC("uprobe")
int throw_entry(struct pt_regs *ctx)
{
	struct own_call_key key = {};
	struct thread_state *state;
	struct own_call *own;

	if (!shared.own_calls)
		return 0;
	state = thread_state__get_allocating();
	if (!state || own_place(ctx, state) == OWN_OUTSIDE)
		return 0;
	key.process = state->process;
	key.sp = state->own_found;
	own = bpf_map_lookup_elem(&own_calls, &key);
	if (own)
		own->call.has_thrown = true;
	return 0;
}

SEC("uprobe")
int delete_return(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	leave_call(ctx);
	return costs__end(begin, TRAP_RETURN, 0);
}

SEC("uprobe")
int free_entry(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	on_free_entry(ctx);
	return costs__end(begin, TRAP_ENTRY, 0);
}

/* A throwing operator new that only calls malloc: remembers what was really asked for. */
static __always_inline int on_hint_entry(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get_allocating();
	__u64 cookie, sp = PT_REGS_SP(ctx);
	enum own_place place;

	if (!state || !shared.enabled)
		return 0;
	place = enter_function(ctx, state);
	if (place == OWN_CONTINUED && take_own_call(state, state->own_found)) {
		state->hint.size = state->own.call.size;
		state->hint.function = state->own.call.function;
		state->hint.sp = sp;
		return 0;
	}
	if (is_nested(state, sp, place))
		return 0;
	/* operator new[] calls operator new: what the outer one was asked for stands. */
	if (is_hinted(state, sp))
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	state->hint.size = requested_size(ctx, cookie);
	state->hint.function = PROBE_COOKIE_FUNCTION(cookie);
	state->hint.sp = sp;
	return 0;
}

SEC("uprobe")
int hint_entry(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	return costs__end(begin, TRAP_ENTRY, on_hint_entry(ctx));
}

SEC("uprobe")
int alloc_session(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	if (session_is_return())
		return costs__end(begin, TRAP_RETURN, on_alloc_return(ctx));
	return costs__end(begin, TRAP_ENTRY, on_alloc_entry(ctx));
}

SEC("uprobe")
int delete_session(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	if (!session_is_return())
		return costs__end(begin, TRAP_ENTRY, on_delete_entry(ctx));
	leave_call(ctx);
	return costs__end(begin, TRAP_RETURN, 0);
}

/* For the price of a trap (user/attach/trap_cost.c): they do nothing but count. */
SEC("uprobe")
int priced_entry(struct pt_regs *ctx)
{
	return costs__end(costs__begin(), TRAP_ENTRY, 0);
}

SEC("uprobe")
int priced_return(struct pt_regs *ctx)
{
	return costs__end(costs__begin(), TRAP_RETURN, 0);
}

SEC("uprobe")
int priced_session(struct pt_regs *ctx)
{
	__u64 begin = costs__begin();

	/* Each with a constant: the verifier knows no bounds of what the kernel's function returns.
	 */
	if (session_is_return())
		return costs__end(begin, TRAP_RETURN, 0);
	return costs__end(begin, TRAP_ENTRY, WATCH_RETURN);
}

char LICENSE[] SEC("license") = "GPL";
