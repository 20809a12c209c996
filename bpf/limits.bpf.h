/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Whether an allocation may fail because of the process's limits: operator new of an allocator of
 * its own then throws, and a return probe in the exception's way would end the program.
 * Overcommitting kernels refuse memory for almost no other reason; sizes that no machine has are
 * refused elsewhere.
 */
#ifndef MEMTRACE_LIMITS_BPF_H
#define MEMTRACE_LIMITS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

/* Numbers of setrlimit(2), the same on x86-64 and arm64. */
#define LIMIT_DATA 2
#define LIMIT_ADDRESS_SPACE 9
/* The largest page that the architecture may be built for: too much is the safe side. */
#ifdef __TARGET_ARCH_arm64
#define PAGE_SHIFT 16
#else
#define PAGE_SHIFT 12
#endif

/*
 * What an allocator may take on top of what it was asked for before it gives up, and other threads
 * meanwhile. All of jemalloc, tcmalloc and mimalloc ask for more first, then for just enough.
 */
#define LIMIT_SLACK (64ull << 20)

static __always_inline bool exceeds(__u64 limit, __u64 pages, __u64 size)
{
	__u64 used = pages << PAGE_SHIFT;

	return limit != ~0ull && (used + LIMIT_SLACK > limit || size > limit - used - LIMIT_SLACK);
}

/* Mappings that a request may make; vm.max_map_count bounds them, 0 if that is not known. */
#define MAPPING_SLACK 64
const volatile __u32 max_map_count = 0;

static __always_inline bool may_reach_limit(__u64 size)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;

	if (!mm)
		return false;
	if (max_map_count && mm->map_count + MAPPING_SLACK > max_map_count)
		return true;
	return exceeds(task->signal->rlim[LIMIT_ADDRESS_SPACE].rlim_cur, mm->total_vm, size) ||
	       exceeds(task->signal->rlim[LIMIT_DATA].rlim_cur, mm->data_vm, size);
}

#endif
