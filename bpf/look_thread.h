/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a look at the threads of a machine gives: bpf/look.bpf.c writes it, user/attach reads it. */
#ifndef MEMTRACE_LOOK_THREAD_H
#define MEMTRACE_LOOK_THREAD_H

#include "event.h"
#include "unwind.h"

#define LOOK_SAVED_REGISTERS 12

enum look_flags {
	LOOK_USER = 1,	    /* a thread with user memory, not a kernel thread */
	LOOK_ON_CPU = 2,    /* it ran while it was looked at: its registers are old */
	LOOK_32BIT = 4,	    /* in a 32-bit system call */
	LOOK_RESTARTED = 8, /* the call is restart_syscall, of a futex wait with these arguments */
	LOOK_DENIED = 16,   /* through /proc: what it waits in may not be read */
};

/* One thread. TIDs without ns_ are those of memtrace's own pid namespace; 0: not visible there. */
struct look_thread {
	__u32 pid;
	__u32 tid;
	__u32 ns_pid;
	__u32 ns_tid;
	__u32 pid_namespace; /* inode number */
	__u32 state;	     /* TASK_* bits: include/linux/sched.h */
	__u32 flags;
	__u32 exit_state; /* EXIT_* bits */
	__u64 start_ns;	  /* since boot */
	__u64 switches;	  /* voluntary and involuntary */
	/* Scheduler's clock: when it last stopped running, and that clock now. 0: unknown. */
	__u64 asleep_since;
	__u64 now;
	__s64 syscall; /* -1: none */
	__s64 result;  /* the register of a system call's result */
	__u64 args[6];
	__u64 ip;
	__u64 sp;
	/* x86-64: rbx rbp r12-r15; arm64: x19-x30. */
	__u64 saved[LOOK_SAVED_REGISTERS];
	/* Return addresses that return probes have replaced, of whatever tracer, innermost first.
	 */
	struct unwind_saved_return returns[UNWIND_SAVED_RETURNS];
	char comm[EVENT_COMM_SIZE];
};
_Static_assert(sizeof(struct look_thread) == 320, "");

#endif
