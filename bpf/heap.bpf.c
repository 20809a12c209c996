/*
 * Programs on allocation functions. An entry program notes what was asked for; the return program
 * sends the record, because only then the address is known; free sends at entry (event.h says why).
 *
 * Each exists in two forms over the same body: a pair on an entry and a return link, and one
 * program on a session link, which the kernel calls for both ends and whose entry may decline the
 * return.
 */
#include "state.bpf.h"
#include "limits.bpf.h"
#include "probe.h"
#include "stack.bpf.h"

struct threads_map threads SEC(".maps");
struct targets_map targets SEC(".maps");
struct ring_map ring SEC(".maps");
struct control_ring_map control_ring SEC(".maps");

struct tracer_shared shared;
const volatile __u64 wakeup_bytes = 1 << 24;
/* No allocation of this many bytes can succeed: RAM and swap together, unless overcommitted. */
const volatile __u64 impossible_size = ~0ull;

/* Bytes of stack that operator new uses at the most before it calls malloc. */
#define HINT_REACH 4096

/* What an entry program tells the session link: whether it wants to see the return. */
enum { WATCH_RETURN = 0, SKIP_RETURN = 1 };

#ifdef __TARGET_ARCH_x86
#define SIXTH_ARGUMENT(ctx) ((ctx)->r9)
/* At entry rsp points at the return address; after `ret` it is one word higher. */
#define RETURN_SP(entry_sp) ((entry_sp) + 8)
#else
#define SIXTH_ARGUMENT(ctx) ((ctx)->regs[5])
#define RETURN_SP(entry_sp) (entry_sp)
#endif

/*
 * The argument of the function that the cookie names by its index. Every register is loaded at a
 * fixed offset of ctx: the verifier allows no computed one, to which clang would merge the cases.
 */
static __always_inline __u64 argument(struct pt_regs *ctx, __u32 index)
{
	__u64 value = PT_REGS_PARM1(ctx);

	barrier_var(value);
	if (index == 1) {
		value = PT_REGS_PARM2(ctx);
		barrier_var(value);
	} else if (index == 2) {
		value = PT_REGS_PARM3(ctx);
		barrier_var(value);
	} else if (index == 3) {
		value = PT_REGS_PARM4(ctx);
		barrier_var(value);
	} else if (index == 4) {
		value = PT_REGS_PARM5(ctx);
		barrier_var(value);
	} else if (index == 5) {
		value = SIXTH_ARGUMENT(ctx);
		barrier_var(value);
	} else if (index == PROBE_RAX) {
		value = PT_REGS_RC(ctx);
		barrier_var(value);
	}
	return value;
}

static __always_inline __u64 saturating_product(__u64 a, __u64 b)
{
	__u64 limit;

	if (!((a | b) >> 32) || !a)
		return a * b;
	limit = ~0ull / a;
	/* Hides the division: clang would make it a 128-bit product, which BPF has not. */
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

#ifdef __TARGET_ARCH_x86
/* The return address of the function that was entered with this stack pointer. */
static __always_inline __u64 read_return_address(__u64 sp)
{
	__u64 address = 0;

	bpf_probe_read_user(&address, sizeof(address), (void *)sp);
	return address;
}
#endif

/* Where the function returns to, at its entry or at its `ret`. */
static __always_inline __u64 next_pc(struct pt_regs *ctx)
{
#ifdef __TARGET_ARCH_x86
	return read_return_address(PT_REGS_SP(ctx));
#else
	return ctx->regs[30];
#endif
}

static __always_inline void send_failed(struct thread_state *state, __u8 function, __u64 size);
static __always_inline int send_realloc_end(struct thread_state *state, __u64 address, __u64 stack);

/*
 * An exception or longjmp left the call: it never returns. For operator new that is how an
 * allocation fails; for others the outcome is unknown.
 */
static __noinline int abandon_call(struct thread_state *state)
{
	if (!state)
		return 0;
	if (!(state->call.flags & PROBE_MAY_THROW) ||
		(state->call.flags & PROBE_AT_RETURNS && !state->call.has_thrown))
		count_loss(LOSS_RETURN_MISSED);
	else if (state->call.operation == PROBE_REALLOC && state->call.pointer)
		send_realloc_end(state, 0, 0);
	else
		send_failed(state, state->call.function, state->call.size);
	state->call.sp = 0;
	return 0;
}

/*
 * Whether a call that may throw is still under way. If it has a return probe, its return address
 * stays replaced by the kernel's trampoline until the frame is reused.
 */
static __always_inline bool has_frame(struct thread_state *state)
{
	if (state->call.flags & PROBE_AT_RETURNS)
		return !state->call.has_thrown;
#ifdef __TARGET_ARCH_x86
	return read_return_address(state->call.sp) != state->call.return_address;
#else
	return true;
#endif
}

/*
 * Whether the function being entered at @sp was called by the allocation call in flight. A call in
 * flight further down the stack than @sp was abandoned.
 */
static __always_inline bool is_nested(struct thread_state *state, __u64 sp)
{
	if (!state->call.sp)
		return false;
	if (sp <= state->call.sp && (!(state->call.flags & PROBE_MAY_THROW) || has_frame(state)))
		return true;
	abandon_call(state);
	return false;
}

static __always_inline void enter_call(struct pt_regs *ctx, struct thread_state *state, __u64 sp,
	__u64 cookie, __u64 size, __u64 pointer)
{
	state->call.sp = sp;
	state->call.size = size;
	state->call.pointer = pointer;
	state->call.operation = PROBE_COOKIE_OPERATION(cookie);
	state->call.function = PROBE_COOKIE_FUNCTION(cookie);
	state->call.flags = PROBE_COOKIE_FLAGS(cookie);
	state->call.has_thrown = false;
	if (state->call.flags & PROBE_MAY_THROW)
		state->call.return_address = next_pc(ctx);
}

static __always_inline void send_failed(struct thread_state *state, __u8 function, __u64 size)
{
	struct event_alloc *event;

	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return;
	}
	fill_header(&event->header, state, EVENT_ALLOC_FAILED, function);
	event->address = 0;
	event->size = size;
	event->stack = 0;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void send_free(
	struct thread_state *state, __u8 kind, __u8 function, __u64 address)
{
	struct event_free *event;

	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return;
	}
	fill_header(&event->header, state, kind, function);
	event->address = address;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
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
		send_free(state, EVENT_REALLOC_BEGIN, state->call.function, pointer);
	return WATCH_RETURN;
}

static __always_inline int on_alloc_entry(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get();
	__u64 cookie, size, sp = PT_REGS_SP(ctx);
	__u32 function;

	if (!state || !shared.enabled || is_nested(state, sp))
		return SKIP_RETURN;
	cookie = bpf_get_attach_cookie(ctx);
	if (PROBE_COOKIE_OPERATION(cookie) == PROBE_REALLOC)
		return enter_realloc(ctx, state, cookie, sp);
	size = requested_size(ctx, cookie);
	function = PROBE_COOKIE_FUNCTION(cookie);
	if (is_hinted(state, sp)) {
		size = state->hint.size;
		function = state->hint.function;
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
	state->call.function = function;
	return WATCH_RETURN;
}

/* The block that a call gave, or 0 if it failed. */
static __always_inline __u64 returned_address(struct pt_regs *ctx, struct thread_state *state)
{
	__u64 address = 0, result = PT_REGS_RC(ctx);

	/* Loaded once, at a fixed offset: see argument(). */
	barrier_var(result);
	if (state->call.flags & PROBE_RETURNS_SIZE)
		return result >= state->call.size ? state->call.pointer : 0;
	if (state->call.operation != PROBE_POSIX_MEMALIGN)
		return result;
	if ((__u32)result == 0)
		bpf_probe_read_user(&address, sizeof(address), (void *)state->call.pointer);
	return address;
}

static __always_inline enum realloc_outcome realloc_outcome(
	struct thread_state *state, __u64 address)
{
	if (address)
		return REALLOC_MOVED;
	if (state->call.flags & PROBE_FREES_ON_FAILURE)
		return REALLOC_FREED;
	if (state->call.size == 0 && !(state->call.flags & PROBE_ZERO_SIZE_KEEPS))
		return REALLOC_FREED;
	return REALLOC_FAILED;
}

static __always_inline int send_realloc_end(struct thread_state *state, __u64 address, __u64 stack)
{
	struct event_realloc_end *event;

	if (address)
		state->sequence++;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_REALLOC_END, state->call.function);
	event->header.flags = realloc_outcome(state, address);
	event->address = address;
	event->size = state->call.size;
	event->stack = stack;
	event->old_address = state->call.pointer;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
	return 0;
}

static __always_inline int send_alloc(struct thread_state *state, __u64 address, __u64 stack)
{
	struct event_alloc *event;

	state->sequence++;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_RING_FULL);
		return 0;
	}
	fill_header(&event->header, state, EVENT_ALLOC, state->call.function);
	event->address = address;
	event->size = state->call.size;
	event->stack = stack;
	bpf_ringbuf_submit(event, wakeup_flags(&event->header));
	return 0;
}

/* The state of the thread whose outermost call returns now, or NULL: another call's return. */
static __always_inline struct thread_state *leave_call(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get();

	/* A nested call, or one that began before memtrace came. */
	if (!state || !state->call.sp || PT_REGS_SP(ctx) != RETURN_SP(state->call.sp))
		return NULL;
	state->call.sp = 0;
	return shared.enabled ? state : NULL;
}

/* The outermost call is over, and goes on in its caller at @pc with @sp. */
static __always_inline int finish_call(
	struct pt_regs *ctx, struct thread_state *state, __u64 pc, __u64 sp)
{
	__u64 address, stack;

	address = returned_address(ctx, state);
	/* The one place that takes stacks: the walker is the costly part to verify. */
	stack = address ? capture_stack(ctx, state, pc, sp) : 0;
	if (state->call.operation == PROBE_REALLOC && state->call.pointer)
		return send_realloc_end(state, address, stack);
	if (address)
		return send_alloc(state, address, stack);
	send_failed(state, state->call.function, state->call.size);
	return 0;
}

static __always_inline int on_alloc_return(struct pt_regs *ctx)
{
	struct thread_state *state = leave_call(ctx);

	return state ? finish_call(ctx, state, PT_REGS_IP(ctx), PT_REGS_SP(ctx)) : 0;
}

/*
 * Where a function that is at its `ret` returns to. Another tracer's return probe has put the
 * kernel's trampoline there; the kernel knows what was there before.
 */
static __always_inline __u64 true_next_pc(struct pt_regs *ctx, __u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct return_instance *instance = BPF_CORE_READ(task, utask, return_instances);

	if (instance && BPF_CORE_READ(instance, stack) == sp)
		return BPF_CORE_READ(instance, orig_ret_vaddr);
	return next_pc(ctx);
}

/*
 * At a `ret` of a function that may throw: registers and stack are as its caller gets them, but for
 * the return address. Other callers come by, too, with other stack pointers; after an exception
 * even with the same one.
 */
static __always_inline int on_alloc_ret(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get();
	__u64 sp = PT_REGS_SP(ctx);

	if (!state || state->call.sp != sp || !(state->call.flags & PROBE_AT_RETURNS))
		return 0;
	if (state->call.has_thrown && next_pc(ctx) != state->call.return_address)
		return 0;
	state->call.sp = 0;
	if (!shared.enabled)
		return 0;
	return finish_call(ctx, state, true_next_pc(ctx, sp), RETURN_SP(sp));
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

static __always_inline int on_free_entry(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u64 address = argument(ctx, PROBE_COOKIE_POINTER(cookie));
	struct thread_state *state;

	if (!address)
		return SKIP_RETURN;
	state = thread_state__get();
	if (!state || !shared.enabled || is_nested(state, PT_REGS_SP(ctx)))
		return SKIP_RETURN;
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

	if (!address)
		return SKIP_RETURN;
	state = thread_state__get();
	if (!state || !shared.enabled || is_nested(state, sp))
		return SKIP_RETURN;
	send_free(state, EVENT_FREE, PROBE_COOKIE_FUNCTION(cookie), address);
	enter_call(ctx, state, sp, cookie, 0, address);
	return WATCH_RETURN;
}

/* For mapping.bpf.c: the walker is in this object. */
__noinline __u64 capture_call_stack(struct thread_state *state)
{
	return state ? capture_system_call_stack(state) : 0;
}

/* For process.bpf.c: a forked child unwinds with its parent's tables from its first call on. */
__noinline int share_unwind_space(__u32 parent, __u32 child)
{
	return unwind__share_space(parent, child);
}

/* An image has ended. User space does this too, but may not have heard of the process at all. */
__noinline int drop_unwind_space(__u32 process)
{
	return bpf_map_delete_elem(&unwind_spaces, &process);
}

SEC("uprobe")
int alloc_entry(struct pt_regs *ctx)
{
	on_alloc_entry(ctx);
	return 0;
}

SEC("uprobe")
int delete_entry(struct pt_regs *ctx)
{
	on_delete_entry(ctx);
	return 0;
}

SEC("uprobe")
int alloc_return(struct pt_regs *ctx)
{
	return on_alloc_return(ctx);
}

SEC("uprobe")
int alloc_ret(struct pt_regs *ctx)
{
	return on_alloc_ret(ctx);
}

SEC("uprobe")
int throwing_entry(struct pt_regs *ctx)
{
	on_alloc_entry(ctx);
	return 0;
}

/* An exception begins: if it does so in a call in flight, that call will hardly return. */
SEC("uprobe")
int throw_entry(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get();

	if (state && PT_REGS_SP(ctx) < state->call.sp)
		state->call.has_thrown = true;
	return 0;
}

SEC("uprobe")
int delete_return(struct pt_regs *ctx)
{
	leave_call(ctx);
	return 0;
}

SEC("uprobe")
int free_entry(struct pt_regs *ctx)
{
	on_free_entry(ctx);
	return 0;
}

/* A throwing operator new that only calls malloc: remembers what was really asked for. */
SEC("uprobe")
int hint_entry(struct pt_regs *ctx)
{
	struct thread_state *state = thread_state__get();
	__u64 cookie, sp = PT_REGS_SP(ctx);

	if (!state || !shared.enabled || is_nested(state, sp))
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

/*
 * The kernel's function bpf_session_is_return, whose number user space puts in before it loads
 * these programs (user/attach/kernel_function.h): libbpf takes an extern that the kernel lacks for
 * an error where it may not list the kernel's modules, without CAP_SYS_ADMIN.
 */
static bool (*const session_is_return)(void) = (void *)PROBE_SESSION_CALL;

SEC("uprobe")
int alloc_session(struct pt_regs *ctx)
{
	return session_is_return() ? on_alloc_return(ctx) : on_alloc_entry(ctx);
}

SEC("uprobe")
int delete_session(struct pt_regs *ctx)
{
	if (!session_is_return())
		return on_delete_entry(ctx);
	leave_call(ctx);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
