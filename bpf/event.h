/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The records that BPF programs send through the ring buffer: the one header shared with user/.
 * Fixed width, little padding, sizes asserted: recordings give back these very bytes.
 *
 * Order. An alloc record leaves at the function's return, a free record at its entry, a realloc
 * leaves both. Thus for one address the order in the ring is the true order: no other thread can
 * get an address from the allocator before the free that gave it back has been recorded.
 */
#ifndef MEMTRACE_EVENT_H
#define MEMTRACE_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/*
 * Deepest stack that can be sent, and the limit unless --max-frames sets another. Python importing
 * a module from within a module goes beyond 200; the room is each traced thread's. A power of two.
 */
#define EVENT_MAX_FRAMES 512
#define EVENT_DEFAULT_FRAMES 256
#define EVENT_COMM_SIZE 16

enum event_kind {
	EVENT_NONE = 0,
	EVENT_ALLOC = 1,	/* struct event_alloc: an allocation that succeeded */
	EVENT_ALLOC_FAILED = 2, /* struct event_alloc, address 0 */
	EVENT_FREE = 3,		/* struct event_free */
	EVENT_REALLOC_BEGIN =
		4,	       /* struct event_free: the block leaves the live set until the END */
	EVENT_REALLOC_END = 5, /* struct event_realloc_end */
	EVENT_STACK = 6,       /* struct event_stack: before the first record that refers to it */
	EVENT_MAPPING = 7,     /* struct event_mapping: mmap and its family, brk succeeded */
	EVENT_FORK = 8,	 /* struct event_process: a followed child; header.process is the child's */
	EVENT_EXEC = 9,	 /* struct event_process: header.process is the new image's */
	EVENT_EXIT = 10, /* struct event_process: the last thread of a process is gone */
	EVENT_LIBRARIES = 11,	/* struct event_process: the loader changed the list of libraries */
	EVENT_THREAD_EXIT = 12, /* struct event_thread */
	EVENT_UNKNOWN_CODE = 13, /* struct event_process, never recorded: a stack leads to code that
				    is in no mapping that is known */
	EVENT_WAIT_END = 17,	/* struct event_wait: a futex wait that was longer than asked for */
	EVENT_PYTHON_CODE = 19, /* struct event_python_code (python.h), never recorded */
	EVENT_CODE_NAMES = 20,	/* struct event_process, never recorded: names of code that was made
				   at  run time were written */
	EVENT_FIRST_ENDED = 21, /* struct event_process, never recorded: thread header.tid ends in a
				 * process that goes on without its first thread */
	EVENT_MEMORY = 18, /* struct event_memory: by user space now and then, and before an EXIT */
	EVENT_EXIT_REGISTERS = 33, /* struct event_exit_registers, never recorded */
	EVENT_CONTENTION = 32,	   /* struct contention_wait (contention.h), never recorded */
	/* By bpf/order.bpf.c, never recorded: see order_records.h. */
	EVENT_ORDER_NESTED = 40,
	EVENT_ORDER_GONE = 41,
	EVENT_ORDER_FOREIGN = 42,
	EVENT_WINDOW = 48,	  /* struct event_window: probes came or went (--budget) */
	EVENT_WINDOW_THREAD = 49, /* struct event_window_thread: before the window's end */
	EVENT_WINDOW_SPENT = 50,  /* only a header, of the control ring alone */
	EVENT_LIVENESS = 51,	  /* struct event_liveness: what the allocator says of a block */
	EVENT_OOM_VICTIM = 54,	  /* struct event_process, of the control ring alone */
	EVENT_SAMPLE = 52,	/* struct event_sample: one that the allocator took itself (USDT) */
	EVENT_SAMPLE_FREE = 53, /* struct event_free: of such a block */
};

/* Which function an allocation came through; the names are in process/allocators.c. */
enum event_function {
	FUNCTION_NONE = 0,
	FUNCTION_MALLOC,
	FUNCTION_CALLOC,
	FUNCTION_REALLOC,
	FUNCTION_REALLOCARRAY,
	FUNCTION_POSIX_MEMALIGN,
	FUNCTION_ALIGNED_ALLOC,
	FUNCTION_MEMALIGN,
	FUNCTION_VALLOC,
	FUNCTION_PVALLOC,
	FUNCTION_FREE,
	FUNCTION_NEW,
	FUNCTION_NEW_ARRAY,
	FUNCTION_DELETE,
	FUNCTION_DELETE_ARRAY,
	FUNCTION_MMAP,
	FUNCTION_MUNMAP,
	FUNCTION_MREMAP,
	FUNCTION_BRK,
	FUNCTION_MPROTECT,
	FUNCTION_PAGE_FAULT, /* no function: the kernel put memory behind an address */
	FUNCTION_COUNT,
};

/*
 * `process` is not a PID but a number given once to each process image that is traced (a new one
 * at fork and at exec), so that a PID used twice is not confused; 0 is not a process.
 * `thread_sequence` counts the allocations that the thread has finished, this one included: a free
 * whose number equals that of its block's allocation had no other allocation between (temporary).
 */
struct event_header {
	__u8 kind;
	__u8 function;
	__u16 flags;
	__u32 tid;
	__u32 process;
	__u32 thread_sequence;
	__u64 time_ns; /* CLOCK_MONOTONIC */
};
_Static_assert(sizeof(struct event_header) == 24, "");

/* What a thread had in its registers when its process ended, of one whose leaks are asked for. */
#define EXIT_REGISTERS 15
struct event_exit_registers {
	struct event_header header;
	__u64 stack_pointer;
	__u64 thread_pointer; /* of TLS; 0 unknown */
	__u64 registers[EXIT_REGISTERS];
};
_Static_assert(sizeof(struct event_exit_registers) == 160, "");

struct event_alloc {
	struct event_header header;
	__u64 address;
	__u64 size;  /* bytes requested; saturated for calloc whose product overflows */
	__u64 stack; /* hash of the stack, 0: none */
};
_Static_assert(sizeof(struct event_alloc) == 48, "");

/*
 * A page fault is an EVENT_ALLOC of FUNCTION_PAGE_FAULT: at the page's address, of as many bytes as
 * the page and the faults since the last record, which this one stands for. header.flags: the page
 * may be a huge one, of which the fault does not tell.
 */
#define PAGE_FAULT_MAY_BE_HUGE 1

struct event_free {
	struct event_header header;
	__u64 address;
};
_Static_assert(sizeof(struct event_free) == 32, "");

/* Stacks begin at the probe: the first frame's address is that of the instruction there, plus 1. */
struct event_sample {
	struct event_header header;
	__u64 address;
	__u64 size; /* bytes */
	__u64 stack;
	__u64 weight; /* bytes that the sample stands for, itself among them */
};
_Static_assert(sizeof(struct event_sample) == 56, "");

/* What realloc did with the block that its EVENT_REALLOC_BEGIN took out. */
enum realloc_outcome {
	REALLOC_MOVED = 0,  /* also when it stayed: one free, one allocation at `address` */
	REALLOC_FAILED = 1, /* the old block is live as before */
	REALLOC_FREED = 2,  /* size 0 freed it and returned NULL */
};

struct event_realloc_end {
	struct event_header header; /* flags: enum realloc_outcome */
	__u64 address;
	__u64 size;
	__u64 stack;
	__u64 old_address; /* never 0: realloc(NULL, n) is an EVENT_ALLOC */
};
_Static_assert(sizeof(struct event_realloc_end) == 56, "");

/* Why a walk ended. Only the first two are whole stacks. */
enum stack_stop {
	STACK_COMPLETE = 0,  /* reached a frame that marks its return address undefined */
	STACK_END_OF_THREAD, /* reached a return address of 0 */
	STACK_TRUNCATED,     /* more frames than the limit */
	STACK_NO_RULE,	     /* a pc in no known mapping, and frame pointers led nowhere */
	STACK_BAD_RULE,	     /* a rule the walker cannot follow (register or expression) */
	STACK_BAD_MEMORY,    /* the stack could not be read */
	STACK_NO_PROGRESS,   /* the CFA did not move towards the stack's base */
	STACK_NOT_WALKED,    /* only the caller was taken: --stacks fp|none */
	STACK_NO_TABLES,     /* the same, as the process's tables were not there (yet) */
	STACK_STOP_COUNT,
};

/*
 * Frames innermost first: the caller of the allocation function, then its caller... The header's
 * thread_sequence is the epoch of the process's code (code_log.h) in which it was taken.
 */
struct event_stack {
	struct event_header header; /* flags: enum stack_stop */
	__u64 stack;
	__u32 frame_count;
	__u32 guessed_frames; /* of them, found by frame pointer where no rule was */
	__u64 frames[];	      /* return addresses (the first is the allocation call's) */
};
_Static_assert(sizeof(struct event_stack) == 40, "");

/* header.flags of an EVENT_MAPPING: made while the thread was in an allocation call. */
#define MAPPING_BY_ALLOCATOR 1

struct event_mapping {
	struct event_header header; /* function: FUNCTION_MMAP, _MUNMAP, _MREMAP, _BRK, _MPROTECT */
	__u64 address;		    /* result; for brk the new break */
	__u64 length;
	__u64 old_address; /* mremap: source; brk: the break before */
	__u64 old_length;
	__u32 protection; /* mmap, mprotect: PROT_* */
	__u32 map_flags;  /* mmap: MAP_*; mremap: MREMAP_* */
	__u64 stack;	  /* of the call, where it added memory outside of an allocation; 0: none */
};
_Static_assert(sizeof(struct event_mapping) == 72, "");
/* Recordings from before there was a stack end here. */
#define EVENT_MAPPING_LEAST_SIZE 64

/* Pages in memory of a process, as its address space's counters have them: about right. */
struct event_memory {
	struct event_header header;
	__u64 resident_pages;  /* 0: not known (before Linux 6.16 when it has exited) */
	__u64 anonymous_pages; /* of them, neither a file's nor shared */
	__u64 peak_pages;      /* most that were resident; 0: not known */
};
_Static_assert(sizeof(struct event_memory) == 48, "");

struct event_process {
	struct event_header header; /* flags of FORK: 1 = the child shares the parent's memory */
	__u32 pid;
	__u32 parent_process; /* FORK: the parent's number; EXEC: that of the image it replaces */
	__u32 exit_status;    /* EXIT: as wait(2) gives it */
	__u32 code_epoch;     /* FORK: of the parent at that moment, code_log.h */
	char comm[EVENT_COMM_SIZE];
};
_Static_assert(sizeof(struct event_process) == 56, "");

struct event_thread {
	struct event_header header;
};

struct event_wait {
	struct event_header header; /* process is 0: the watch knows processes by PID */
	__u64 uaddr;
	__u64 begin_ns;
	__u32 pid;
	__u32 reserved;
};
_Static_assert(sizeof(struct event_wait) == 48, "");

/*
 * The edges of a window, in the order of the records that it has: what is recorded between BEGIN
 * and END is whole, outside of windows there are no probes.
 */
enum window_edge {
	WINDOW_BEGIN = 0,
	WINDOW_MIDDLE = 1, /* blocks allocated before it are followed for the rest of the window */
	WINDOW_END = 2,
	WINDOW_NOTE = 3, /* no edge: the run begins, or has come so far */
};

struct event_window {
	struct event_header header; /* flags: enum window_edge; thread_sequence: its number */
	__u64 cost_ns;		    /* what probes have cost the targets so far */
	__u32 uncertainty_ppm;	    /* of the price of a trap */
	__u32 budget_ppm;	    /* of the targets' time that they may cost */
};
_Static_assert(sizeof(struct event_window) == 40, "");

/* How a thread spent the time between the edges of the window that ends next. */
struct event_window_thread {
	struct event_header header;
	__u64 cpu_ns;	/* it ran */
	__u64 delay_ns; /* it had been taken the processor from, and waited for it */
};
_Static_assert(sizeof(struct event_window_thread) == 40, "");

enum liveness {
	LIVENESS_UNKNOWN = 0, /* the bookkeeping there is not one that can be read */
	LIVENESS_FREE = 1,
	LIVENESS_IN_USE = 2, /* by this block, or by another that was given the address since */
};

/* Asked from outside, by user space. */
struct event_liveness {
	struct event_header header; /* flags: enum liveness */
	__u64 address;
};
_Static_assert(sizeof(struct event_liveness) == 32, "");

/*
 * Losses, counted per CPU in the `losses` map and shown by every report. The first group are
 * events that never arrived; the second are stacks that are missing or cut.
 */
enum loss_cause {
	LOSS_RING_FULL = 0, /* the ring buffer had no room */
	LOSS_THREAD_STATE,  /* no memory for the thread's state: its call was not seen */
	LOSS_RETURN_MISSED, /* the call was left by longjmp or an exception: outcome unknown */
	LOSS_EVENT_COUNT,
	LOSS_STACK_RING_FULL = LOSS_EVENT_COUNT, /* a stack record had no room */
	LOSS_MAPPING_RING_FULL,			 /* a mapping record had no room */
	LOSS_PROCESS_RING_FULL,			 /* a fork, exec or exit record had no room */
	LOSS_LATE_ATTACH,	/* allocators probed after their first use was possible */
	LOSS_CONTROL_RING_FULL, /* a fork, exec, exit or dlopen reached user space too late */
	LOSS_TARGETS_FULL,	/* a child is not traced: more than MAX_TARGETS at one time */
	LOSS_MODEL_MEMORY,	/* memtrace had no memory to apply a record */
	LOSS_SITES_FULL,	/* a stack found the table of call sites full */
	LOSS_HOLD_ENDED,  /* LATE_ATTACH, because the wait for the probes was longer than --hold */
	LOSS_UNHELD,	  /* processes that ran before they had their probes */
	LOSS_CODE_GONE,	  /* a stack with code that was unmapped before it was looked at */
	LOSS_USDT_UNREAD, /* an argument of a USDT probe was in memory that could not be read */
	LOSS_COUNT,
};

#endif
