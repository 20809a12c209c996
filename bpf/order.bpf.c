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
#include "order_records.h"
#include "state.bpf.h"

/* Bytes behind a lock's or a condition's address in which its futex words are. */
#define LOCK_BYTES 64

/* A call that may fail, until it returns. */
struct order_try {
	__u64 sp; /* at its entry; 0: none is under way */
	__u64 lock;
	__u64 stack;
	__u32 facts;
	__u32 continues; /* of musl: it does the work of a call that was noted */
};

struct order_thread {
	__u64 mm; /* of the program that it runs: another one after exec */
	__u64 held_hash;
	__u64 last_lock; /* asked for last, and nothing since; 0: none */
	__u64 last_sp;
	__u64 condition; /* the same, by a wait on it */
	__u64 let_go;	 /* lock and stack pointer of the last unlock */
	__u64 let_go_sp;
	__u32 slept; /* it sleeps, or slept, in the call for last_lock */
	__u32 count;
	struct order_try pending;
	/* Sent as they lie here, one behind the other. */
	struct order_nested event;
	struct order_held held[ORDER_MAX_HELD];
};
_Static_assert(__builtin_offsetof(struct order_thread, held) ==
		       __builtin_offsetof(struct order_thread, event) + sizeof(struct order_nested),
	"");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct order_thread);
} order_threads SEC(".maps");

/* Nestings that were sent: their hashes, in buckets. A full one forgets: then it is sent again. */
#define SENT_WAYS 4
#define SENT_BUCKETS 32768

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENT_BUCKETS);
	__type(key, __u32);
	__type(value, __u64[SENT_WAYS]);
} order_sent SEC(".maps");

/*
 * Stacks by where they were taken: the caller, its stack pointer, the lock, and the return
 * addresses of the next two frames, which are compared as they lie on the stack. So a stack is
 * walked once, not at each call. The check holds all else: half of a torn entry is not taken.
 */
#define PLACE_WAYS 4
#define PLACE_BUCKETS 16384

struct order_place {
	__u64 check;
	__u64 stack;
	__u64 outer; /* of the two return addresses */
	__u32 facts;
	__u16 slots[2]; /* where they are, in words above the stack pointer; 0: not known */
};

struct order_places {
	struct order_place ways[PLACE_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACE_BUCKETS);
	__type(key, __u32);
	__type(value, struct order_places);
} order_place_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 18);
	__type(key, struct order_lock_key);
	__type(value, struct order_hold);
} order_holds SEC(".maps");

/* When a lock was let go by a thread that was not seen to take it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct order_lock_key);
	__type(value, __u64);
} order_let_go SEC(".maps");

struct order_shared order_shared = {};

/* In heap.bpf.c, which has the walker. */
extern __u64 capture_stack_from(struct thread_state *state, __u32 limit);
extern int walk_stack_from(struct thread_state *state, __u32 limit);
const volatile __u32 order_max_frames = EVENT_DEFAULT_FRAMES;

static __always_inline __u64 mix(__u64 a, __u64 b)
{
	__u64 hash = (a ^ b) * UNWIND_MIX;

	return hash ^ hash >> 29;
}

static __always_inline __u32 *epoch_of(__u64 address)
{
	__u32 index = (address >> ORDER_GRAIN_SHIFT) * UNWIND_MIX >> 48;

	return &order_shared.epochs[index & (ORDER_EPOCHS - 1)];
}

static __always_inline __u64 *filter_word(__u64 address, __u64 *bit)
{
	__u64 hash = (address >> ORDER_GRAIN_SHIFT) * UNWIND_MIX;

	*bit = 1ull << (hash >> 58);
	return &order_shared.filter[hash >> 40 & (ORDER_FILTER_WORDS - 1)];
}

/* --- threads */

static __noinline struct order_thread *create_thread(struct task_struct *task)
{
	struct thread_state *state = thread_state__get();
	struct order_thread *thread;

	if (!state)
		return NULL;
	thread = bpf_task_storage_get(&order_threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		count_loss(LOSS_THREAD_STATE);
		return NULL;
	}
	thread->mm = (__u64)task->mm;
	thread->held_hash = thread->last_lock = thread->condition = thread->let_go = 0;
	thread->count = thread->slept = 0;
	thread->pending.sp = 0;
	thread->event.header.kind = EVENT_ORDER_NESTED;
	thread->event.header.tid = state->tid;
	thread->event.header.process = state->process;
	thread->event.thread_start_ns = task->start_time;
	return thread;
}

/* What is known of the current thread; NULL: it is not traced, or nothing is. */
static __always_inline struct order_thread *get_thread(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct order_thread *thread;

	if (!shared.enabled)
		return NULL;
	thread = bpf_task_storage_get(&order_threads, task, NULL, 0);
	if (!thread || thread->mm != (__u64)task->mm)
		thread = create_thread(task);
	return thread;
}

/* Its number as its own pid namespace has it, which is what the C library stores. */
static __always_inline __u32 own_number(void)
{
	struct pid *pid = BPF_CORE_READ(bpf_get_current_task_btf(), thread_pid);

	return pid ? number_at(pid, BPF_CORE_READ(pid, level)) : 0;
}

/* For the verifier: the compiler would else use what it knows the index to be without the mask. */
static __always_inline struct order_held *held_at(struct order_thread *thread, __u32 index)
{
	index &= ORDER_MAX_HELD - 1;
	barrier_var(index);
	return &thread->held[index];
}

struct held_search {
	struct order_thread *thread;
	__u64 lock;
	__u32 found;
	__u32 reserved;
};

static long search_step(__u32 step, struct held_search *search)
{
	__u32 i = search->thread->count - 1 - step;

	if (step >= search->thread->count)
		return 1;
	if (held_at(search->thread, i)->lock != search->lock)
		return 0;
	search->found = i;
	return 1;
}

/* The index of @lock among those held, the latest first; ORDER_MAX_HELD: it is not. */
static __noinline __u32 search_held(struct order_thread *thread, __u64 lock)
{
	struct held_search search = {.thread = thread, .lock = lock, .found = ORDER_MAX_HELD};

	bpf_loop(ORDER_MAX_HELD, search_step, &search, 0);
	return search.found;
}

static __always_inline __u32 find_held(struct order_thread *thread, __u64 lock)
{
	__u32 last = thread->count - 1;

	if (!thread->count)
		return ORDER_MAX_HELD;
	if (held_at(thread, last)->lock == lock)
		return last;
	return last ? search_held(thread, lock) : ORDER_MAX_HELD;
}

/* --- what the lock's memory says */

/* glibc's pthread_mutex_t: __kind at 16; pthread_rwlock_t: __shared at 28, __flags at 48. */
#define GLIBC_MUTEX_KIND 16
#define GLIBC_RWLOCK_SHARED 28
#define GLIBC_RWLOCK_FLAGS 48
#define GLIBC_PREFER_WRITERS 2
/* musl's: type and attributes in the first word; pshared of a pthread_rwlock_t in the third. */

static __always_inline __u32 read_word(__u64 address)
{
	__u32 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

/* glibc: 0 normal, 1 recursive, 2 error-checking, 3 adaptive; 16 robust, 32 PI, 128 shared. */
static __always_inline __u32 mutex_facts(__u64 lock, __u32 facts)
{
	bool musl = facts & ORDER_MUSL;
	__u32 kind = read_word(lock + (musl ? 0 : GLIBC_MUTEX_KIND));

	if ((kind & 3) == 1)
		facts |= ORDER_RECURSIVE;
	if ((kind & 3) == 2)
		facts |= ORDER_ERROR_CHECK;
	if (kind & (musl ? 4 : 16))
		facts |= ORDER_ROBUST;
	if (kind & (musl ? 8 : 32))
		facts |= ORDER_INHERITS;
	if (kind & 128)
		facts |= ORDER_SHARED;
	return facts;
}

static __always_inline __u32 read_facts(__u64 lock, __u32 facts)
{
	if ((facts & ORDER_KIND_MASK) == ORDER_MUTEX)
		return mutex_facts(lock, facts);
	if ((facts & ORDER_KIND_MASK) != ORDER_RWLOCK)
		return facts;
	if (facts & ORDER_MUSL)
		return read_word(lock + 8) ? facts | ORDER_SHARED : facts;
	if (read_word(lock + GLIBC_RWLOCK_SHARED))
		facts |= ORDER_SHARED;
	if (read_word(lock + GLIBC_RWLOCK_FLAGS) == GLIBC_PREFER_WRITERS)
		facts |= ORDER_FOR_WRITERS;
	return facts;
}

/*
 * Whether the lock's memory has the current thread for its owner. A function that stands in for
 * the C library's and calls it enters twice, and has it at neither time.
 */
static __always_inline bool is_owner(__u64 lock, __u32 facts)
{
	__u32 kind = facts & ORDER_KIND_MASK, number = own_number();

	if (kind == ORDER_SPIN)
		return false;
	if (facts & ORDER_MUSL)
		return kind == ORDER_MUTEX && (read_word(lock + 4) & 0x3fffffff) == number;
	return read_word(lock + (kind == ORDER_MUTEX ? 8 : 24)) == number;
}

/* --- stacks */

struct order_call {
	struct pt_regs *regs;
	struct order_thread *thread;
	__u64 lock;
	__u64 sp; /* at the function's entry */
	__u64 caller;
	__u64 signature;
	__u32 facts; /* in: of the function; out: with those of the lock */
	__u32 reserved;
};

static __always_inline __u64 read_slot(__u64 sp, __u32 slot)
{
	__u64 value = 0;

	if (slot)
		bpf_probe_read_user(&value, sizeof(value), (void *)(sp + 8ull * slot));
	return value;
}

static __always_inline __u64 outer_frames(const struct order_place *place, __u64 sp)
{
	return mix(read_slot(sp, place->slots[0]), read_slot(sp, place->slots[1]));
}

static __always_inline __u64 check_of(const struct order_place *place, __u64 signature)
{
	return signature ^ place->stack ^ place->outer ^ (__u64)place->facts << 32 ^
	       ((__u32)place->slots[0] << 16 | place->slots[1]);
}

static __always_inline void set_walk(struct thread_state *state, const struct order_call *call)
{
	struct pt_regs *ctx = call->regs;

	state->walk.pc = call->caller;
	state->walk.sp = RETURN_SP(call->sp);
	state->walk.bp = PT_REGS_FP(ctx);
#ifdef __TARGET_ARCH_x86
	state->walk.bx = ctx->bx;
#else
	state->walk.bx = ctx->regs[30];
#endif
}

/* Where the return address of the frame @depth above the caller is; 0: it cannot be said. */
static __always_inline __u16 find_slot(
	struct thread_state *state, const struct order_call *call, __u32 depth)
{
#ifdef __TARGET_ARCH_x86
	__u64 distance;

	set_walk(state, call);
	walk_stack_from(state, depth);
	distance = state->walk.sp - 8 - call->sp;
	return state->walk.record.frame_count == depth && state->walk.pc && !(distance & 7) &&
			       distance < 0xffff * 8
		       ? distance >> 3
		       : 0;
#else
	return 0;
#endif
}

/* A place that was not met before, or was forgotten: takes its stack. Returns the stack's hash. */
static __noinline __u64 take_place(struct order_call *call, struct order_places *places)
{
	struct thread_state *state = thread_state__get();
	struct order_place place = {};
	__u32 way = call->signature >> 8 & (PLACE_WAYS - 1);
	__u64 bit, *word;

	if (!state)
		return 0;
	place.slots[0] = find_slot(state, call, 1);
	place.slots[1] = find_slot(state, call, 2);
	place.outer = outer_frames(&place, call->sp);
	set_walk(state, call);
	place.stack = capture_stack_from(state, order_max_frames);
	call->facts = place.facts = read_facts(call->lock, call->facts);
	place.check = check_of(&place, call->signature);
	for (int i = 0; i < PLACE_WAYS; i++) {
		if (!places->ways[i].check) {
			way = i;
			break;
		}
	}
	places->ways[way & (PLACE_WAYS - 1)] = place;
	word = filter_word(call->lock, &bit);
	if (!(*word & bit))
		__sync_fetch_and_or(word, bit);
	__sync_fetch_and_add(&order_shared.new_places, 1);
	return place.stack;
}

/* The hash of the call's stack; sets the lock's facts. */
static __always_inline __u64 find_place(struct order_call *call)
{
	struct order_thread *thread = call->thread;
	struct order_places *places;
	__u32 index;

#ifdef __TARGET_ARCH_x86
	call->caller = 0;
	bpf_probe_read_user(&call->caller, sizeof(call->caller), (void *)call->sp);
#else
	call->caller = call->regs->regs[30];
#endif
	call->signature = mix(mix(mix(call->lock, *epoch_of(call->lock)), call->sp),
		call->caller + ((__u64)thread->event.header.process << 48) + call->facts);
	index = call->signature >> 40 & (PLACE_BUCKETS - 1);
	places = bpf_map_lookup_elem(&order_place_map, &index);
	if (!places)
		return 0;
	for (int way = 0; way < PLACE_WAYS; way++) {
		struct order_place *place = &places->ways[way];

		if (place->check != check_of(place, call->signature) ||
			place->outer != outer_frames(place, call->sp))
			continue;
		call->facts = place->facts;
		return place->stack;
	}
	return take_place(call, places);
}

/* --- records */

static __always_inline __u64 *sent_bucket(__u64 hash)
{
	__u32 index = hash >> 40 & (SENT_BUCKETS - 1);

	return bpf_map_lookup_elem(&order_sent, &index);
}

static __always_inline bool was_sent(const __u64 *bucket, __u64 hash)
{
	for (int way = 0; way < SENT_WAYS; way++)
		if (bucket[way] == hash)
			return true;
	return false;
}

static __always_inline void note_sent(__u64 *bucket, __u64 hash)
{
	for (int way = 0; way < SENT_WAYS; way++) {
		if (!bucket[way]) {
			bucket[way] = hash;
			return;
		}
	}
	bucket[hash >> 8 & (SENT_WAYS - 1)] = hash;
}

struct held_check {
	struct order_thread *thread;
	__u32 left; /* of those held, to be looked at */
	__u32 reserved;
};

static long check_step(__u32 step, struct held_check *check)
{
	struct order_thread *thread = check->thread;
	struct order_lock_key key = {.process = thread->event.header.process};
	struct order_held *held;
	__u64 *when;

	if (!check->left)
		return 1;
	check->left--;
	held = held_at(thread, check->left);
	key.address = held->lock;
	when = bpf_map_lookup_elem(&order_let_go, &key);
	if (!when || *when < held->since_ns)
		return 0;
	thread->held_hash -= held->mark;
	*held = *held_at(thread, thread->count - 1);
	thread->count--;
	return 0;
}

/* Takes what another thread has let go meanwhile off the list. */
static __noinline int drop_let_go(struct order_thread *thread)
{
	struct held_check check = {.thread = thread, .left = thread->count};

	bpf_loop(ORDER_MAX_HELD, check_step, &check, 0);
	return 0;
}

struct nesting {
	__u64 lock;
	__u64 stack;
	__u32 facts;
	__u16 flags;
};

/* Sends the first @count of those held, with the lock that is asked for. */
static __noinline int send_nesting(
	struct order_thread *thread, const struct nesting *nesting, __u32 count)
{
	struct order_nested *event = &thread->event;
	__u32 size;

	count &= ORDER_MAX_HELD - 1;
	event->header.time_ns = bpf_ktime_get_ns();
	event->header.flags = nesting->flags;
	event->lock = nesting->lock;
	event->stack = nesting->stack;
	event->facts = nesting->facts;
	event->count = count;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	size = sizeof(*event) + count * sizeof(struct order_held);
	if (size > sizeof(*event) + sizeof(thread->held))
		size = sizeof(*event);
	/* What a shared lock lies in is to be looked up while the process lives. */
	if (bpf_ringbuf_output(&ring, event, size,
		    nesting->facts & ORDER_SHARED ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP)) {
		__sync_fetch_and_add(&order_shared.ring_full, 1);
		return -1;
	}
	__sync_fetch_and_add(&order_shared.nested, 1);
	return 0;
}

/* The same unless it was done; @hash of those that are held. */
static __always_inline void send_new_nesting(
	struct order_thread *thread, const struct nesting *nesting, __u64 hash, __u32 count)
{
	__u64 key = mix(mix(hash + nesting->flags, nesting->lock),
		nesting->stack + ((__u64)thread->event.header.tid << 32) +
			*epoch_of(nesting->lock));
	__u64 *bucket = sent_bucket(key);

	if (!bucket || was_sent(bucket, key))
		return;
	if (!send_nesting(thread, nesting, count))
		note_sent(bucket, key);
}

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

/* See heap.bpf.c. */
static bool (*const session_is_return)(void) = (void *)PROBE_SESSION_CALL;

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

static __always_inline void send_gone(struct order_thread *thread, __u64 address, __u64 size)
{
	struct order_lock_key key = {.process = thread->event.header.process, .address = address};
	struct order_hold *hold = bpf_map_lookup_elem(&order_holds, &key);
	struct order_gone *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);

	if (!event) {
		__sync_fetch_and_add(&order_shared.ring_full, 1);
		return;
	}
	event->header = thread->event.header;
	event->header.kind = EVENT_ORDER_GONE;
	event->header.flags = 0;
	event->header.time_ns = bpf_ktime_get_ns();
	event->address = address;
	event->size = size;
	__builtin_memset(&event->hold, 0, sizeof(event->hold));
	if (hold)
		event->hold = *hold;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	if (hold)
		bpf_map_delete_elem(&order_holds, &key);
}

/* Whether locks were met in the piece of memory; none is from here on. */
static __always_inline bool forget_piece(__u64 address)
{
	__u64 bit, *word = filter_word(address, &bit);

	if (!(*word & bit))
		return false;
	__sync_fetch_and_and(word, ~bit);
	__sync_fetch_and_add(epoch_of(address), 1);
	return true;
}

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

/*
 * Blocks of up to so many pieces are looked through; locks in larger ones are found by user space,
 * a little later.
 */
#define BLOCK_PIECES 64
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
