/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The watch: notes when each thread goes to sleep in a futex call, and reports when a long sleep
 * ends. User space finds out what the waits mean by a look (look.bpf.c), and only when one has
 * grown old.
 *
 * At the scheduler's switch, not at the tracepoints of the system call: a single one of those, once
 * in use, makes every system call of the machine take the slow way in and out (getpid: 97 ns
 * without, 139 ns with it). Here only switches between threads cost anything, and a futex call that
 * does not sleep is not a wait.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "futex.bpf.h"
#include "task_number.bpf.h"
#include "watch.h"

const volatile __u64 threshold_ns = 1000000000;
const volatile __u32 pid_namespace_level;

struct wait_state {
	__u64 begin_ns;
	__u64 uaddr;
};

/*
 * Waits under way, by TID as the first pid namespace has it. Preallocated, as the run queue's lock
 * is held here. On a machine with more sleepers than this, the waits not noted are counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
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

static __always_inline void begin_wait(
	struct watch_counters *counts, struct task_struct *task, __u64 now)
{
	struct wait_state state = {.begin_ns = now};
	struct futex_call call;
	__u32 key = task->pid;

	if (!futex_is_wait(task, &call))
		return;
	state.uaddr = call.uaddr;
	counts->seen++;
	if (bpf_map_update_elem(&wait_states, &key, &state, BPF_ANY)) {
		counts->no_memory++;
		return;
	}
	/* Interrupts are off: a plain addition will do. */
	counts->open[bucket_of(now)]++;
}

static __always_inline void send_end(struct watch_counters *counts, struct task_struct *task,
	const struct wait_state *state, __u64 now)
{
	struct event_wait event = {};

	counts->long_ended++;
	event.header.kind = EVENT_WAIT_END;
	event.header.time_ns = now;
	event.header.tid = task_number(task, pid_namespace_level);
	event.pid = task_number(BPF_CORE_READ(task, group_leader), pid_namespace_level);
	event.uaddr = state->uaddr;
	event.begin_ns = state->begin_ns;
	if (bpf_ringbuf_output(&ends, &event, sizeof(event), 0))
		counts->lost++;
}

static __always_inline void end_wait(
	struct watch_counters *counts, struct task_struct *task, __u64 now)
{
	__u32 key = task->pid;
	struct wait_state *found, state;

	found = bpf_map_lookup_elem(&wait_states, &key);
	if (!found)
		return;
	state = *found;
	bpf_map_delete_elem(&wait_states, &key);
	counts->open[bucket_of(state.begin_ns)]--;
	if (now - state.begin_ns >= threshold_ns)
		send_end(counts, task, &state, now);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switch_threads, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct watch_counters *counts = get_counters();
	__u64 now;

	if (!counts)
		return 0;
	now = bpf_ktime_get_ns();
	if (!preempt && goes_to_sleep(prev))
		begin_wait(counts, prev, now);
	/* 0: the idle thread of a CPU. */
	if (next->pid)
		end_wait(counts, next, now);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
