/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What bpf/contention.bpf.c sends to user/attach/wait_tracer.c, and what the two agree on. */
#ifndef MEMTRACE_CONTENTION_H
#define MEMTRACE_CONTENTION_H

#include "event.h"

/* header.flags of a wait. */
enum contention_flags {
	CONTENTION_TIMED = 1,		  /* the call has a timeout */
	CONTENTION_HOLDER_AT_BEGIN = 2,	  /* holder_stack is the owner's when the wait began */
	CONTENTION_HOLDER_AT_RELEASE = 4, /* ...is that of the thread that ended the wait */
	CONTENTION_HOLDER_RAN = 8, /* the owner ran on a CPU then: its stack could not be taken */
};

/*
 * The memory around the futex word as it was when the wait began: the C library's locks lie in it
 * whole, so that their layouts tell the owner of that moment.
 */
#define CONTENTION_IMAGE_BEFORE 16
#define CONTENTION_IMAGE_SIZE 64

/*
 * EVENT_CONTENTION: a sleep in a futex call, sent at its end. header: time_ns is the end, tid the
 * waiter, process its PID, both as memtrace's pid namespace has them.
 */
struct contention_wait {
	struct event_header header; /* thread_sequence: the TID as its own namespace has it */
	__u64 begin_ns;
	__u64 uaddr;
	__u64 mm; /* tells the image of a process from that before an exec */
	__u64 stack;
	__u64 holder_stack; /* 0: none */
	__u32 number;	    /* of the system call */
	__u32 op;
	__u32 expected;
	/* What the memory says of the owner, if that is a live thread of the same process: a guess,
	 * until the layout of this kind of lock says the same. As its own namespace has it. */
	__u32 owner;
	__u32 owner_tid;   /* the same thread, as memtrace has it */
	__u32 waker_tid;   /* the thread that ended the wait; 0: not looked for */
	__u32 image_bytes; /* 0: could not be read */
	__u32 reserved;
	char comm[EVENT_COMM_SIZE];
	__u8 image[CONTENTION_IMAGE_SIZE]; /* from uaddr - CONTENTION_IMAGE_BEFORE on */
};
_Static_assert(sizeof(struct contention_wait) == 176, "");

/*
 * Value of the map `targets`, keyed by PID as memtrace has it. `mm`: whose unwind tables are
 * loaded under this PID; 0: none are; CONTENTION_ANY_MM: those of whatever is seen first.
 */
#define CONTENTION_ANY_MM 1
struct contention_target {
	__u64 mm;
	__u64 asked_ns; /* when user space was last woken for this process */
	__u32 ignored;	/* its waits are not wanted */
	__u32 reserved;
};

/* User space is not woken more often for a process whose code it does not know: it reads the
 * mappings each time. */
#define CONTENTION_ASK_INTERVAL_NS 20000000ull

/* Per CPU. */
struct contention_counters {
	__u64 seen;	       /* waits that began */
	__u64 ended;	       /* and ended */
	__u64 no_memory;       /* waits that could not be noted: too many at one time */
	__u64 ring_full;       /* ends that found the ring full */
	__u64 stack_ring_full; /* stacks that did */
};

#endif
