/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Counts the hits of a probe and does nothing else. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

__u64 hits;

SEC("uprobe")
int count_hit(struct pt_regs *ctx)
{
	__sync_fetch_and_add(&hits, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
