/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What tools do that watch the order of mutexes with maps alone, as bcc's deadlock does: a list of
 * held mutexes by thread in one hash map, each pair of mutexes in another.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MAX_HELD 16
/* BPF_MAP_TYPE_STACK_TRACE (linux/bpf.h): memtrace itself has no use for it. */
#define MAP_TYPE_STACK_TRACE 7

struct held_list {
	__u64 mutexes[MAX_HELD];
};

struct pair_key {
	__u64 first;
	__u64 second;
};

struct pair_value {
	__u64 thread;
	__u64 first_stack;
	__u64 second_stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct held_list);
} held SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct pair_key);
	__type(value, struct pair_value);
} pairs SEC(".maps");

struct {
	__uint(type, MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__uint(value_size, 127 * sizeof(__u64));
} stacks SEC(".maps");

SEC("uprobe")
int deadlock_lock(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 mutex = PT_REGS_PARM1(ctx);
	struct held_list *list, empty = {};
	struct pair_value value = {.thread = tid};
	bool stored = false;

	list = bpf_map_lookup_elem(&held, &tid);
	if (!list) {
		bpf_map_update_elem(&held, &tid, &empty, BPF_NOEXIST);
		list = bpf_map_lookup_elem(&held, &tid);
		if (!list)
			return 0;
	}
	value.second_stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	for (int i = 0; i < MAX_HELD; i++) {
		struct pair_key key = {list->mutexes[i], mutex};

		if (!key.first) {
			if (!stored)
				list->mutexes[i] = mutex;
			stored = true;
			break;
		}
		bpf_map_update_elem(&pairs, &key, &value, BPF_ANY);
	}
	return 0;
}

SEC("uprobe")
int deadlock_unlock(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct held_list *list = bpf_map_lookup_elem(&held, &tid);

	for (int i = 0; list && i < MAX_HELD; i++)
		if (list->mutexes[i] == PT_REGS_PARM1(ctx))
			list->mutexes[i] = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
