/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the tracer's BPF programs and user/attach/tracer.c agree on, beside the records. */
#ifndef MEMTRACE_TRACER_SHARED_H
#define MEMTRACE_TRACER_SHARED_H

#include "code_log.h"
#include "event.h"

enum stack_mode {
	STACKS_NONE = 0, /* no stacks: one site for all */
	STACKS_FP = 1,	 /* the kernel's frame-pointer walk */
	STACKS_CFI = 2,	 /* unwind tables made from .eh_frame */
};

enum target_flags {
	TARGET_AWAITS_EXEC = 1, /* a launched child that has not yet become the command */
	TARGET_FOLLOW = 2,	/* its children are targets too */
};

/* Value of the `targets` map, keyed by tgid as memtrace's pid namespace numbers it. */
struct target {
	__u32 process; /* number of the process image; see event.h */
	__u32 flags;   /* enum target_flags */
	/*
	 * Executable mappings made, and how many of them user space has looked at: the loader's
	 * hook waits for it only when the two differ.
	 */
	__u32 executable_mappings;
	__u32 mappings_seen;
	__u64 program_break;   /* when last looked at; 0: where it starts */
	__u64 unknown_code_ns; /* when user space was last sent EVENT_UNKNOWN_CODE */
	__u64 code_pages;      /* mm_struct.exec_vm when last looked at */
	__u64 earlier_peak;    /* most pages in memory, of images that exec replaced */
	/* The map of the code that it makes: code_names.bpf.h. */
	__u64 names_size; /* bytes of the file after the last write */
	__u64 names_base; /* bytes of it before it began anew */
	__u64 names_inode;
	__u64 names_told_ns; /* when user space was last sent EVENT_CODE_NAMES */
	__u64 names_start;   /* of the line that is not finished yet */
	__u64 names_length;
	__u32 names_field; /* what of it comes next */
	__u32 names_image; /* the image whose first line was logged */
};

/* Unknown code is not reported more often: user space reads the process's mappings each time. */
#define UNKNOWN_CODE_INTERVAL_NS 20000000ull

/* Names are reported at most so often; the rest is read with the next report. */
#define NAMES_TOLD_INTERVAL_NS 1000000ull

/* The set of addresses that stacks have led to: told apart by so many bytes (code that is called is
   rarely smaller), */
#define NAMED_BLOCK_SHIFT 6
/* words of it, a power of two. 512 KiB. */
#define LED_TO_WORDS 65536

/* Most processes traced at one time; more are counted as LOSS_TARGETS_FULL. */
#define MAX_TARGETS 16384

/*
 * The set of stacks that were sent already: buckets of hashes. A full bucket forgets one, which
 * only means that a stack is sent once more.
 */
#define SENT_STACK_WAYS 4
#define SENT_STACK_BUCKETS 16384

/* Places from which glibcs call free on their own behalf; three in a glibc, and one is usual. */
#define MAX_INTERNAL_CALLS 16

/*
 * Where a hold's ticket is answered: slot ticket % HOLD_SLOTS. More threads than slots cannot be
 * held at a time without one going on early; each takes a CPU while it waits.
 */
#define HOLD_SLOTS 1024

struct hold_slot {
	__u64 answered; /* the highest ticket that user space has answered */
	__u64 failed;	/* the last one that did not wait to the end */
};

/* In header.flags of the control ring's copies only. */
enum control_flags {
	CONTROL_NEW_LIBRARIES = 1 << 8, /* FORK: the parent maps what user space did not see yet */
	CONTROL_THREAD_EXECED = 1 << 9, /* EXEC: by another thread than the first, whose task the
					    process's links are bound to */
};

/* How a trap gets to its program, by which it is priced (user/attach/trap_cost.h). */
enum trap_kind {
	TRAP_ENTRY = 0, /* a probe's, also of calls whose return is not awaited */
	TRAP_RETURN,	/* a return probe's, with what its call's entry paid for it */
	TRAP_STEPPED,	/* at an instruction that the kernel has to single-step */
	TRAP_KIND_COUNT,
};

/* What probes have cost, counted where windows are (--budget): the programs' part is measured. */
struct probe_costs {
	__u64 traps[TRAP_KIND_COUNT];
	__u64 program_ns;
	__u64 program_limit_ns; /* user space is told when program_ns comes to it; 0: never */
};

/* What user space has the program `put_record` put into the ring, in the order of its records. */
struct record_to_put {
	__u32 flags;	/* of bpf_ringbuf_output */
	__u32 enables;	/* heap records come from the moment on that the record says */
	__u8 bytes[40]; /* struct event_window or event_window_thread */
};

/* Settings and counters in the BPF object's .bss, shared by mmap. */
struct tracer_shared {
	__u32 enabled; /* heap and mapping records are sent only while it is 1 */
	/* Windows (--budget): what a thread was in the midst of in an earlier one is over. */
	__u32 window;
	__u32 next_process; /* number for the next process image */
	/* How far below the first pid namespace memtrace's own lies: numbers are given as there. */
	__u32 pid_namespace_level;
	/*
	 * A thread that was held waited in vain: none is held until user space answers again, so
	 * that a memtrace that is stopped costs each thread one wait and not one for each dlopen.
	 */
	__u32 holds_suspended;
	__u32 walks_python;    /* a process with a known interpreter was met */
	__u32 tells_registers; /* EVENT_EXIT_REGISTERS are wanted */
	__u64 hold_tickets;    /* given out */
	struct hold_slot hold_slots[HOLD_SLOTS];
	__u32 code_changes; /* number of the last one in the log, code_log.h */
	__u32 makes_code;   /* a process has code that is in no file: then names are looked at */
	__u32 code_epochs[CODE_EPOCHS]; /* number of the last one by process % CODE_EPOCHS */
	/* Return addresses of such calls, as distances from the probed site of free; 0: none. */
	__s64 internal_calls[MAX_INTERNAL_CALLS];
	__u64 losses[LOSS_COUNT];
	__u64 own_calls;     /* entries of the map own_calls: calls in flight that end at a `ret` */
	__u64 hold_ns;	     /* time that threads were held, in all */
	__u64 hold_max_ns;   /* the longest */
	__u64 holds;	     /* how often */
	__u64 hold_timeouts; /* of these, ended by the bound and not by user space */
	__u64 held_now;	     /* threads that are held at this moment */
	__u64 faults_seen;   /* page faults that the samples of bpf/faults.bpf.c stand for */
	struct probe_costs costs;
};

#endif
