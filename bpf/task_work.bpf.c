/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Loaded to find out whether the kernel has BPF task work that may ask for more of it. */
#include "task_work.bpf.h"

struct tried {
	struct bpf_task_work work;
	__u64 word;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tried);
} tried SEC(".maps");

static int try_again(void *map, void *key, void *value)
{
	struct tried *again = bpf_map_lookup_elem(&tried, key);

	if (again)
		schedule_task_work(
			bpf_get_current_task_btf(), &again->work, &tried, try_again, NULL);
	return 0;
}

/* Of a type that needs none of the kernel's BTF, which takes libbpf long to read. */
SEC("held/loader")
int try_task_work(struct pt_regs *ctx)
{
	__u32 key = 0;
	struct tried *value = bpf_map_lookup_elem(&tried, &key);

	if (value)
		schedule_task_work(
			bpf_get_current_task_btf(), &value->work, &tried, try_again, NULL);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
