/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Calls in flight that end at a `ret`, not at a return probe: entries of the map own_calls, which
 * the tracer's BPF programs fill (own_calls.bpf.h) and user space clears of processes that end.
 */
#ifndef MEMTRACE_OWN_CALLS_H
#define MEMTRACE_OWN_CALLS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#include <stdbool.h>
#endif

/* Fibers that may be inside such a call at one time; more are counted as lost. */
#define MAX_OWN_CALLS 16384

struct own_call_key {
	__u64 sp; /* at the function's entry: no two calls of a process have the same */
	__u64 process;
};

/* An allocation call that a thread is in. */
struct call_in_flight {
	__u64 sp;	      /* stack pointer at its entry; 0: none */
	__u64 return_address; /* only where the call may end by an exception, or at a `ret` */
	__u64 size;
	__u64 pointer; /* realloc: the old block; posix_memalign: where the result goes */
	__u16 flags;   /* PROBE_* */
	__u8 operation;
	__u8 function;
	bool has_thrown; /* an exception began in it, which may be on its way through it */
};

struct own_call {
	struct call_in_flight call;
	__u64 site;	/* where it was entered */
	__u64 previous; /* the entry of its thread's last such call before; 0: none */
	bool is_left;	/* the thread has been seen elsewhere since */
};

#endif
