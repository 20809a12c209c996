/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a task is called in one of the pid namespaces that it lives in. */
#ifndef MEMTRACE_TASK_NUMBER_BPF_H
#define MEMTRACE_TASK_NUMBER_BPF_H

/* The number of a task in the namespace @level deep; 0: it has none there. */
static __always_inline __u32 number_at(struct pid *pid, __u32 level)
{
	__u64 element = bpf_core_type_size(struct upid);
	__u32 number = 0;

	bpf_probe_read_kernel(
		&number, sizeof(number), (void *)&pid->numbers[0].nr + element * level);
	return number;
}

#endif
