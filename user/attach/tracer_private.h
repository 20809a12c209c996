/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the files of the tracer share: its state, and what each does for the others. */
#ifndef MEMTRACE_ATTACH_TRACER_PRIVATE_H
#define MEMTRACE_ATTACH_TRACER_PRIVATE_H

#include "attach/closer.h"
#include "attach/faults.h"
#include "attach/links.h"
#include "attach/pythons.h"
#include "attach/tracer.h"
#include "attach/trap_cost.h"
#include "attach/unwinding.h"
#include "base/hash.h"
#include "base/vec.h"
#include "order_records.h"
#include "probe.h"
#include "probe/plan.h"
#include "process/cpu_time.h"
#include "tracer.skel.h"

/* A file that a process has its probes in. */
struct attachment {
	const struct module *module;
	bool is_executable;    /* plan.h */
	bool declines_returns; /* the same */
};

DEFINE_HASH_NUMBER(attachment_map, uint32_t, struct attachment);

/* A traced process: the image that its PID stands for now, and the links to its task. */
struct traced {
	uint32_t process;
	uint32_t generation;		/* of its space, when last looked at */
	uint64_t looked_ns;		/* when unknown code last made us look */
	uint32_t in_vain;		/* how often since then nothing was new */
	struct links *links;		/* NULL: none yet */
	struct links *kept;		/* first_thread.c; NULL: its first thread lives */
	pid_t keeper;			/* the thread that they belong to */
	struct attachment_map attached; /* by module id */
	bool has_loader;		/* it maps a loader whose hook is probed */
	bool watches_throws;		/* it has functions that exceptions may leave */
	bool is_translated;		/* process/translated.h: it is left alone */
	bool has_allocator;
	/*
	 * Allocators that were found while the loader was not known to wait. Whether they were
	 * late is known when it asks, or never does.
	 */
	uint64_t unproven;
};

DEFINE_HASH_NUMBER(traced_map, pid_t, struct traced);

/* Plans of files, made once for each way to probe one (attachments.c). */
DEFINE_HASH_NUMBER(plan_map, uint64_t, struct probe_plan *);

/* How a thread spends the open window (windows.c). */
struct window_clock {
	uint32_t process;
	pid_t pid;
	pid_t tid;
	int fd;
	uint64_t cpu_ns; /* when last read, since some time */
	struct cpu_waits waits;
	uint64_t cpu_passed; /* between the last two times */
	uint64_t delay_passed;
};

struct tracer {
	struct tracer_options options;
	struct tracer_callbacks callbacks;
	struct modules *modules;
	struct spaces *spaces;
	struct tracer_bpf *skel;
	struct tracer_shared *shared;
	struct ring_buffer *control;
	struct code_change *code_log; /* mapped; NULL: not yet */
	struct links *links;	      /* to tracepoints; those to processes are theirs */
	struct closer *closer;
	struct pythons *pythons;     /* NULL: Python frames are not walked */
	struct unwinding *unwinding; /* NULL: stacks are not walked by tables */
	enum link_kind link_kind;
	bool wide_nops;
	bool declines_returns; /* plan.h */
	bool has_task_work;    /* FEATURE_HOLD */
	bool holds_processes;  /* children and new images wait for their probes */
	bool is_dormant;       /* between windows: what would be probed is only noted */
	uint64_t looked_ns;    /* when the mappings were last read for a window */
	struct traced_map traced;
	/* Of the processes that were added, even if they ended: their children inherited them. */
	fault_events faults;
	struct plan_map plans;
	size_t site_count;    /* over all plans in use */
	bool *met_allocators; /* by the index in options.allocators: its file was mapped */
	bool has_allocator;
	bool met_stripped_static;
	size_t usdt_count;	   /* places in the map of the same name */
	uint64_t late_attachments; /* by LOSS_LATE_ATTACH */
	uint64_t late_by_hold;	   /* by LOSS_HOLD_ENDED */
	uint64_t unheld;	   /* by LOSS_UNHELD */
	uint64_t reconciled;	   /* lost control records that were made up for */

	/* windows.c */
	VEC(struct window_clock) clocks;
	struct trap_cost trap_cost;
	double unpriced_ns;	  /* spent by memtrace's own child */
	double priced_program_ns; /* of this, in the programs */
};

/* --- programs.c */

/* The programs of one kind of link, by enum probe_program. */
struct program_pair {
	struct bpf_program *entry;
	struct bpf_program *back; /* at return; NULL: none */
	struct bpf_program *session;
};

/* Whether samples that allocators take themselves are wanted (bpf/usdt.bpf.c). */
bool tracer__wants_samples(const struct tracer *tracer);

struct program_pair tracer__programs(const struct tracer *tracer, enum probe_program program);

/*
 * Of the opened skeleton: sets which programs are loaded, and for which kind of link. 0 or a
 * negative errno with @error set.
 */
int tracer__choose_programs(struct tracer *tracer, struct error *error);

/* --- attachments.c */

/*
 * Attaches to all that a process maps now, and gives the walker its unwind tables. Returns how many
 * allocators came, or a negative errno.
 */
int tracer__attach_mapped(
	struct tracer *tracer, pid_t pid, struct traced *traced, struct error *error);

/* Gives a forked child probes where its parent has them. Returns as above. */
int tracer__attach_child(struct tracer *tracer, pid_t pid, struct traced *child,
	const struct traced *parent, struct error *error);

/* Takes the probes out of the process, soon. It can be attached to anew. */
void tracer__detach(struct tracer *tracer, struct traced *traced);

/* Puts the probes back where they were when the process was dormant. 0 or a negative errno. */
int tracer__awake(struct tracer *tracer, pid_t pid, struct traced *traced, struct error *error);

/* Takes them out, soon, and keeps in mind where they were. */
void tracer__hush(struct tracer *tracer, struct traced *traced);

/* Frees the plans. */
void tracer__free_plans(struct tracer *tracer);

/* --- own_calls.c */

/*
 * Image @process is gone: its calls that would have ended at a `ret` are taken out of the table,
 * and those that their threads had left are counted as lost.
 */
void tracer__forget_own_calls(struct tracer *tracer, uint32_t process);

/* How many such calls their threads have left, and most likely forever. */
uint64_t tracer__left_own_calls(const struct tracer *tracer);

/*
 * The plan for a file, made when it is first asked for; an empty one if there is nothing to probe,
 * NULL with @error set if it cannot be had. The tracer's.
 */
const struct probe_plan *tracer__plan_of(
	struct tracer *tracer, const struct attachment *attachment, struct error *error);

/* --- first_thread.c */

/*
 * The process's first thread has ended, and the kernel takes its links for links to none: the next
 * tracer that lets go of the same function takes this process's probes out, and new libraries get
 * none. Keeps all its probes in place by another of its threads; to be called again when that
 * thread ends and when probes have come. Returns 0, or with @error set a negative errno.
 */
int tracer__keep_probes(
	struct tracer *tracer, pid_t pid, struct traced *traced, struct error *error);

/* --- follow.c */

/* A ring_buffer_sample_fn for the control ring; @context is the tracer. */
int tracer__follow(void *context, void *data, size_t size);

/* --- reconcile.c */

/* If control records were lost since the last call: finds who came and went meanwhile. */
void tracer__reconcile(struct tracer *tracer);

#endif
