/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The tracer: loads the BPF programs, attaches them to the allocation functions of the traced
 * processes, and follows those processes through fork, exec, dlopen and exit.
 *
 * Its records come out of the ring whose fd tracer__ring_fd gives; see stream/.
 */
#ifndef MEMTRACE_ATTACH_TRACER_H
#define MEMTRACE_ATTACH_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vec.h"
#include "probe/plan.h"
#include "process/module.h"
#include "process/spaces.h"
#include "tracer_shared.h"

struct tracer;

/* What is traced. */
enum tracer_subject {
	TRACER_HEAP = 0,
	TRACER_ORDER, /* the order in which locks are taken: see attach/lock_order.h */
};

struct tracer_options {
	enum tracer_subject subject;
	enum stack_mode stacks;
	uint32_t max_frames;
	uint64_t ring_size;	    /* bytes, a power of two */
	uint64_t control_ring_size; /* the same; 0: that of bpf/state.bpf.h */
	uint64_t hold_limit_ns;
	bool python;	       /* Python frames are walked, too */
	bool without_mappings; /* memory system calls are not followed */
	bool page_faults;      /* no function is probed: page faults are sampled instead */
	bool follow;	       /* forked children are traced too */
	bool is_single;	       /* no more than one process is added */
	bool only_samples;     /* no function is probed: allocators' own samples are read */
	const struct usdt_provider *usdt; /* of such samples (probe/plan.h) */
	size_t usdt_count;
	bool windows;  /* there are probes only while a window is open: attach/windows.h */
	double budget; /* per cent: then said in the records of windows */
	const char *const *allocators; /* LIB-OR-EXE[:PREFIX] */
	size_t allocator_count;
};

/* Of a process whose exit record was lost. */
#define TRACER_STATUS_UNKNOWN UINT32_MAX

/* A followed child, or a program that a process has executed. */
struct tracer_start {
	pid_t pid;
	uint32_t process; /* number of the image */
	uint32_t former;  /* of the image that it has replaced; 0: none */
	uint64_t time_ns; /* CLOCK_MONOTONIC */
};

/* What happens to traced processes; called by tracer__handle_control. Members may be NULL. */
struct tracer_callbacks {
	void *context;
	void (*started)(void *context, const struct tracer_start *start);
	/* Image @process has written names of code that it made. */
	void (*named)(void *context, uint32_t process);
	/*
	 * A process, lastly image @process, is gone, with its status as wait(2) gives it or
	 * TRACER_STATUS_UNKNOWN; @left others are still traced.
	 */
	void (*exited)(void *context, pid_t pid, uint32_t process, uint32_t status, size_t left);
	/*
	 * A program was executed, and waits for its probes where the kernel can hold it: before
	 * them.
	 */
	void (*executed)(void *context, pid_t pid, uint32_t process);
	/* A thread of @process ends because that ends. Given: they are asked for. */
	void (*registers)(void *context, const struct event_exit_registers *registers);
	/* The kernel has chosen @pid to be killed, for want of memory. Given: it is asked for. */
	void (*victim)(void *context, pid_t pid);
	/* The open window has cost as much as it may (windows.h). */
	void (*spent)(void *context);
};

/*
 * Loads the programs. @modules and @spaces stay the caller's and must outlive the tracer. NULL
 * with @error set; free it with tracer__free, which detaches whatever is attached.
 */
struct tracer *tracer__new(const struct tracer_options *options, struct modules *modules,
	struct spaces *spaces, const struct tracer_callbacks *callbacks, struct error *error);
void tracer__free(struct tracer *tracer);

/*
 * Makes @pid a target and attaches to what it maps now. With @awaits_exec it is a child that will
 * become a command (process/launch.h): nothing is attached yet. Returns the number of the process
 * image (event.h), or 0 with @error set.
 */
uint32_t tracer__add(struct tracer *tracer, pid_t pid, bool awaits_exec, struct error *error);

/*
 * Attaches to a file that @pid will map, as its program or as a library. Files without anything to
 * probe are not an error.
 */
int tracer__attach_file(
	struct tracer *tracer, pid_t pid, const char *path, bool is_program, struct error *error);

/*
 * After all were added: checks that some function of the subject is probed. -ENOENT with @error set
 * if not. One that appears later (dlopen) is probed then.
 */
int tracer__check(struct tracer *tracer, struct error *error);

/*
 * The next of options.allocators from @from on, which starts as 0 and is moved behind it, that no
 * traced process has mapped so far; NULL when there is none left.
 */
const char *tracer__next_missing_allocator(const struct tracer *tracer, size_t *from);

/* From now on heap records are sent, or no longer are. */
void tracer__enable(struct tracer *tracer, bool enabled);

int tracer__ring_fd(const struct tracer *tracer);
/* Readable when processes came, went or loaded libraries: then call tracer__handle_control. */
int tracer__control_fd(const struct tracer *tracer);
void tracer__handle_control(struct tracer *tracer);

/* How many traced processes still run. */
size_t tracer__live_count(const struct tracer *tracer);
/* Writes the PIDs of at most @limit of them; returns how many. */
size_t tracer__pids(const struct tracer *tracer, pid_t *pids, size_t limit);

/* A process and the number of the image that it runs now (event.h). */
struct traced_image {
	pid_t pid;
	uint32_t process;
};
typedef VEC(struct traced_image) traced_images;

/*
 * Appends all targets, as the kernel's programs have them, whatever records were lost; some may
 * come twice. The caller frees @images. 0 or -ENOMEM.
 */
int tracer__targets(const struct tracer *tracer, traced_images *images);
/*
 * The image that @pid is a target with now: one that was added, or a child that is followed, which
 * the kernel's side knows from the fork on. 0: it is not a target, or has ended.
 */
uint32_t tracer__image_of(const struct tracer *tracer, pid_t pid);

/* Page faults so far that the samples stand for, those of files among them. */
uint64_t tracer__faults_seen(const struct tracer *tracer);

/* How many probe sites are attached, over all files. */
size_t tracer__site_count(const struct tracer *tracer);

/* What was lost, by enum loss_cause. */
void tracer__losses(const struct tracer *tracer, uint64_t losses[LOSS_COUNT]);

/* Loaders and new processes that waited for their probes: how often, how long, ended by the bound.
 */
struct tracer_holds {
	uint64_t count;
	uint64_t total_ns;
	uint64_t longest_ns;
	uint64_t timeouts;
};
void tracer__holds(const struct tracer *tracer, struct tracer_holds *holds);

#endif
