/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a task is called in one of the pid namespaces that it lives in. */
#ifndef MEMTRACE_TASK_NUMBER_BPF_H
#define MEMTRACE_TASK_NUMBER_BPF_H

/*
 * The number of a task in the namespace @level deep, which is one of its own. A flexible array: its
 * element is read by address, which CO-RE relocates.
 */
static __always_inline __u32 number_at(struct pid *pid, __u32 level)
{
	__u64 element = bpf_core_type_size(struct upid);
	__u32 number = 0;

	bpf_probe_read_kernel(
		&number, sizeof(number), (void *)&pid->numbers[0].nr + element * level);
	return number;
}

/* The same of a task, which may live in namespaces less deep only: 0 then. */
static __always_inline __u32 task_number(struct task_struct *task, __u32 level)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	return pid && BPF_CORE_READ(pid, level) >= level ? number_at(pid, level) : 0;
}

#endif
