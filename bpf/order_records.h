/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What bpf/order.bpf.c sends, and what it and user/attach/ agree on. Which locks a thread holds is
 * kept in the kernel, exactly, whatever becomes of the records: only a lock that is asked for while
 * others are held, in a way that was not sent before, makes a record.
 */
#ifndef MEMTRACE_ORDER_RECORDS_H
#define MEMTRACE_ORDER_RECORDS_H

#include "event.h"

/* Locks that one thread may hold at one time; more are counted. A power of two. */
#define ORDER_MAX_HELD 128

/* What a probed function does with its lock: the function field of a site's cookie. */
enum order_function {
	ORDER_LOCK = 1,	 /* waits until it has it */
	ORDER_TRY,	 /* or gives up, at once or after a time: its result tells */
	ORDER_UNLOCK,	 /* lets it go */
	ORDER_INIT,	 /* a new lock from here on */
	ORDER_DESTROY,	 /* no lock any more */
	ORDER_CONDITION, /* lets the mutex in the second argument go, and waits to get it again */
	ORDER_FREE,	 /* a block goes, with what locks are in it */
};

/*
 * Facts of a lock and of how it is taken. The low byte comes with the function (cookie flags), the
 * rest from the lock's memory when it was first met.
 */
enum order_facts {
	ORDER_MUTEX = 1,
	ORDER_RWLOCK = 2,
	ORDER_SPIN = 3,
	ORDER_KIND_MASK = 3,
	ORDER_READ = 1 << 2,	    /* taken for reading: others may read meanwhile */
	ORDER_MUSL = 1 << 3,	    /* the C library is musl, not glibc */
	ORDER_TIMED = 1 << 4,	    /* TRY: waits for a time */
	ORDER_OF_GLIBC = 1 << 5,    /* FREE: the block's size is in front of it */
	ORDER_RECURSIVE = 1 << 8,   /* may be taken again by its holder */
	ORDER_ERROR_CHECK = 1 << 9, /* says no to its holder */
	ORDER_ROBUST = 1 << 10,
	ORDER_INHERITS = 1 << 11,    /* priority inheritance */
	ORDER_SHARED = 1 << 12,	     /* between processes */
	ORDER_FOR_WRITERS = 1 << 13, /* readers wait for writers that wait */
	ORDER_TRIED = 1 << 16,	     /* held: got by a function that would have given up */
};

/* A lock that a thread holds. */
struct order_held {
	__u64 lock;
	__u64 stack; /* of the call that took it; 0: lost */
	__u64 since_ns;
	__u64 mark; /* what it adds to the hash of all that is held */
	__u32 facts;
	__u32 depth; /* how often it was taken */
};
_Static_assert(sizeof(struct order_held) == 40, "");

/* header.flags of an EVENT_ORDER_NESTED. */
enum order_flags {
	ORDER_RETAKES = 1,	/* a wait on a condition takes its mutex again */
	ORDER_WAITS_SELF = 2,	/* the thread holds it already, and cannot get it again */
	ORDER_FIRST_WRITER = 4, /* a lock for reading and writing is asked for by a writer: nothing
				 * need be held */
};

/*
 * EVENT_ORDER_NESTED: a thread asks for a lock while it holds @count others, which follow the
 * record.
 */
struct order_nested {
	struct event_header header;
	__u64 lock;
	__u64 stack;
	__u64 thread_start_ns; /* CLOCK_MONOTONIC: tells a TID that is used again */
	__u32 facts;
	__u32 count;
	char comm[EVENT_COMM_SIZE];
};
_Static_assert(sizeof(struct order_nested) == 72, "");

/* How long a lock was held. */
struct order_hold {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
	__u64 max_stack; /* of the call that took it then */
	__u32 facts;
	__u32 reserved;
};

struct order_lock_key {
	__u64 address;
	__u32 process;
	__u32 reserved;
};

/*
 * EVENT_ORDER_GONE: locks at @address and the @size bytes from there on are no locks any more.
 * @hold: of the one at @address, if it was destroyed.
 */
struct order_gone {
	struct event_header header;
	__u64 address;
	__u64 size;
	struct order_hold hold;
};
_Static_assert(sizeof(struct order_gone) == 80, "");

/* EVENT_ORDER_FOREIGN: a thread lets a lock go that it was not seen to take. */
struct order_foreign {
	struct event_header header;
	__u64 lock;
	__u64 thread_start_ns;
};
_Static_assert(sizeof(struct order_foreign) == 40, "");

/* Memory is watched for locks in pieces of this many bytes: one holds a mutex or part of one. */
#define ORDER_GRAIN_SHIFT 6
#define ORDER_EPOCHS 65536
#define ORDER_FILTER_WORDS 16384

/* In the BPF object's .bss, shared by mmap. */
struct order_shared {
	__u64 nested;	  /* records of nesting that were sent */
	__u64 ring_full;  /* records that found the ring full; a nesting is sent when it is next met
			   */
	__u64 held_full;  /* locks that were not noted: a thread held ORDER_MAX_HELD others */
	__u64 holds_full; /* holds that are in no sum: too many locks */
	__u64 foreign;	  /* unlocks by a thread that was not seen to lock */
	__u64 new_places; /* stacks that were walked */
	/* Raised when memory is no lock any more, by piece: what was known of it is forgotten. */
	__u32 epochs[ORDER_EPOCHS];
	/* Pieces that have had a lock, as bits by hash. */
	__u64 filter[ORDER_FILTER_WORDS];
};

#endif
