/*
 * The watch: notes at every futex call that waits since when, and says when a long wait ends. What
 * the waits mean, user space finds out from a look (look.bpf.c), and only when one has grown old.
 *
 * The uncontended mutex never comes here: it makes no system call.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "task_number.bpf.h"
#include "watch.h"

#define FUTEX_CMD_MASK 0x7f
#define FUTEX_WAIT 0
#define FUTEX_LOCK_PI 6
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_LOCK_PI2 13
/* The operations above, as bits. */
#define WAITING_OPS                                                         \
	(1u << FUTEX_WAIT | 1u << FUTEX_LOCK_PI | 1u << FUTEX_WAIT_BITSET | \
		1u << FUTEX_WAIT_REQUEUE_PI | 1u << FUTEX_LOCK_PI2)

const volatile __u64 threshold_ns = 1000000000;
const volatile __u32 pid_namespace_level;

struct wait_state {
	__u64 begin_ns; /* 0: does not wait */
	__u64 uaddr;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wait_state);
} wait_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watch_counters);
} counters SEC(".maps");

/* A few thousand ends of long waits: they are rare by definition. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} ends SEC(".maps");

static __always_inline struct watch_counters *get_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline __u32 bucket_of(__u64 time_ns)
{
	return time_ns / WATCH_BUCKET_NS % WATCH_BUCKETS;
}

static __always_inline int begin_wait(__u64 uaddr)
{
	struct watch_counters *counts = get_counters();
	struct wait_state *state;

	if (!counts)
		return 0;
	state = bpf_task_storage_get(
		&wait_states, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) {
		counts->no_memory++;
		return 0;
	}
	state->begin_ns = bpf_ktime_get_ns();
	state->uaddr = uaddr;
	counts->seen++;
	/* Tracepoint programs run with preemption off: a plain addition will do. */
	counts->open[bucket_of(state->begin_ns)]++;
	return 0;
}

static __always_inline void send_end(
	struct watch_counters *counts, struct wait_state *state, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct event_wait event = {};
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid *leader = BPF_CORE_READ(task, group_leader, thread_pid);

	counts->long_ended++;
	event.header.kind = EVENT_WAIT_END;
	event.header.time_ns = now;
	event.header.tid = number_at(pid, pid_namespace_level);
	event.pid = number_at(leader, pid_namespace_level);
	event.uaddr = state->uaddr;
	event.begin_ns = state->begin_ns;
	if (bpf_ringbuf_output(&ends, &event, sizeof(event), 0))
		counts->lost++;
}

static __always_inline int end_wait(void)
{
	struct wait_state *state =
		bpf_task_storage_get(&wait_states, bpf_get_current_task_btf(), NULL, 0);
	struct watch_counters *counts;
	__u64 now;

	if (!state || !state->begin_ns)
		return 0;
	counts = get_counters();
	if (!counts)
		return 0;
	counts->open[bucket_of(state->begin_ns)]--;
	now = bpf_ktime_get_ns();
	if (now - state->begin_ns >= threshold_ns)
		send_end(counts, state, now);
	state->begin_ns = 0;
	return 0;
}

SEC("tp/syscalls/sys_enter_futex")
int enter_futex(struct trace_event_raw_sys_enter *ctx)
{
	__u32 op = ctx->args[1] & FUTEX_CMD_MASK;

	if (op > FUTEX_LOCK_PI2 || !(WAITING_OPS >> op & 1))
		return 0;
	return begin_wait(ctx->args[0]);
}

SEC("tp/syscalls/sys_exit_futex")
int exit_futex(struct trace_event_raw_sys_exit *ctx)
{
	return end_wait();
}

SEC("tp/syscalls/sys_enter_futex_wait")
int enter_futex_wait(struct trace_event_raw_sys_enter *ctx)
{
	return begin_wait(ctx->args[0]);
}

SEC("tp/syscalls/sys_exit_futex_wait")
int exit_futex_wait(struct trace_event_raw_sys_exit *ctx)
{
	return end_wait();
}

SEC("tp/syscalls/sys_enter_futex_waitv")
int enter_futex_waitv(struct trace_event_raw_sys_enter *ctx)
{
	return begin_wait(ctx->args[0]);
}

SEC("tp/syscalls/sys_exit_futex_waitv")
int exit_futex_waitv(struct trace_event_raw_sys_exit *ctx)
{
	return end_wait();
}

char LICENSE[] SEC("license") = "GPL";
