/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * BPF task work (Linux 6.18): a program has a function of its own run in a thread's context, when
 * that thread next returns to user space. The kernel's function that does it is called by its
 * number, which user space puts in when it loads the program: programs in sections "held/..." may
 * call it (user/attach/kernel_function.h).
 */
#ifndef MEMTRACE_TASK_WORK_BPF_H
#define MEMTRACE_TASK_WORK_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "probe.h"

/* The kernel finds it in a map's values by its name. */
struct bpf_task_work {
	__u64 opaque;
} __attribute__((aligned(8)));

typedef int (*task_work_function)(void *map, void *key, void *value);

/* bpf_task_work_schedule_resume_impl; its last argument is the verifier's. */
static int (*const schedule_task_work)(struct task_struct *task, struct bpf_task_work *work,
	void *map, task_work_function function, void *unused) = (void *)PROBE_TASK_WORK_CALL;

#endif
