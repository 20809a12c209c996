/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Programs that do nothing: what probes cost before anybody does anything in them. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

/* At entry and return. */
SEC("uprobe")
int empty_session(struct pt_regs *ctx)
{
	return 0;
}

SEC("uprobe")
int empty_entry(struct pt_regs *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
