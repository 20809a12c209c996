/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The heap model: fed records in ring order it rebuilds every live allocation of every traced
 * process, with its call site, and answers what a report asks. Pure: it knows records, not BPF, so
 * the same code runs live, on a replayed recording and in unit tests.
 *
 * Rules
 *  - Bytes are requested bytes. A realloc that succeeds is one free and one allocation.
 *  - "Live" and "peak" have one meaning everywhere: blocks that calls have allocated, summed over
 *    the processes that are alive at that instant. So the peak is the largest value of live.
 *  - The live set is keyed by (address space, address). A forked child gets the parent's blocks as
 *    copies ("inherited"): in the child's own live set from then on, so that its frees of them are
 *    tracked, but counted apart: no call allocated them, their pages are the parent's until they
 *    are written to, and they are not growth. exec drops what is left of them. A child that shares
 *    the parent's memory (vfork, posix_spawn) works on the parent's blocks.
 *  - Blocks that a process leaves behind at its end are "at exit", no longer live; copies are
 *    counted apart there, too, without their ages: a large process may fork often. Blocks that exec
 *    discards are neither.
 *  - live + inherited_live = alloc + inherited - free - implied_free - inherited_dropped
 *    - exec_discarded - at_exit - at_exit_inherited - forgotten, for counts and for bytes; tests
 *    hold the model to it.
 *  - A temporary allocation is freed by the thread that made it with no other allocation of that
 *    thread between; the block that a realloc gives up counts like one that free gives up.
 *  - Lost records never break the model: an allocation at an address that is live shows that a
 *    free was lost (implied_free); a realloc whose end was lost has freed its block.
 *  - Blocks outside of the size filter are tracked, so that their frees are known, but counted
 *    only in filtered_count.
 */
#ifndef MEMTRACE_HEAP_HEAP_H
#define MEMTRACE_HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "event.h"
#include "heap/ended.h"
#include "heap/growth.h"
#include "heap/live_set.h"
#include "heap/mappings.h"
#include "heap/series.h"
#include "heap/shares.h"
#include "heap/sites.h"
#include "heap/slices.h"

struct heap;

struct heap_options {
	uint64_t start_ns;  /* CLOCK_MONOTONIC of the run's start */
	uint64_t min_size;  /* bytes requested, inclusive */
	uint64_t max_size;  /* inclusive; 0: no limit */
	uint64_t page_size; /* of the target; 0: this machine's */
	/* Of blocks and call sites, bytes by the model's own account (room.h); 0: no limit. */
	uint64_t memory_limit;
};

/* Counts are of calls or blocks, bytes of requested bytes. Of one process, or a sum of several. */
struct heap_counts {
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t free_count; /* frees of blocks whose allocation was seen, or inherited */
	uint64_t freed_bytes;
	uint64_t failed_count; /* allocations that returned NULL: never live */
	uint64_t failed_bytes; /* UINT64_MAX: that much or more */
	uint64_t temporary_count;
	uint64_t temporary_bytes;
	uint64_t untracked_free_count; /* of blocks from before the attach, or lost ones */
	uint64_t implied_free_count;   /* the free was lost, later records prove it */
	uint64_t implied_free_bytes;
	uint64_t inherited_count; /* copies received by fork */
	uint64_t inherited_bytes;
	uint64_t inherited_dropped_count; /* of them, dropped by exec */
	uint64_t inherited_dropped_bytes;
	uint64_t exec_discarded_count;
	uint64_t exec_discarded_bytes;
	uint64_t at_exit_count;
	uint64_t at_exit_bytes;
	uint64_t at_exit_inherited_count; /* copies, not among at_exit */
	uint64_t at_exit_inherited_bytes;
	uint64_t forgotten_count; /* there was no memory, or no room, to track the block */
	uint64_t forgotten_bytes;
	uint64_t filtered_count; /* allocations, failures and frees outside of the size filter */
	struct mapping_counts mappings;
};

/*
 * What is in memory, summed over the processes that run and were looked at; or, when none runs and
 * one alone was traced, of that one at its exit. Pages that processes share count in each.
 */
struct heap_residence {
	uint64_t process_count;	  /* 0: nothing is known */
	uint64_t resident_bytes;  /* 0: only the peak is known */
	uint64_t anonymous_bytes; /* of them, neither a file's nor shared */
	uint64_t peak_bytes;	  /* at the exit; 0: not known */
	uint64_t allocator_bytes; /* that allocators had mapped */
	uint64_t live_bytes;	  /* blocks, copies by fork included */
};

/* The whole run. */
struct heap_totals {
	struct heap_counts counts; /* summed over the processes */
	uint64_t live_count;	   /* now, of the processes that run */
	uint64_t live_bytes;
	uint64_t inherited_live_count; /* copies, not among them */
	uint64_t inherited_live_bytes;
	uint64_t peak_count; /* live_count when live_bytes was largest */
	uint64_t peak_bytes;
	uint64_t peak_inherited_bytes; /* copies at that time, not among peak_bytes */
	uint64_t peak_at_ns;	       /* since start_ns */
	uint64_t mapped_bytes;	       /* now */
	uint64_t mapped_peak_bytes;
	/* By enum mapped_kind: now, or when their process exited; copies by fork included. */
	uint64_t mapped_kinds[MAPPED_KIND_COUNT];
	struct heap_residence residence;
	uint64_t malformed_count; /* records that were refused */
	/* Reallocs whose begin was seen and whose end was not (yet): under way, or it was lost. */
	uint64_t unfinished_reallocs;
	uint64_t last_ns; /* time of the newest record */
};

/*
 * Heap records that arrived, in units of the model: alloc 1, failed 1, free 1, realloc 2 when it
 * succeeded and 1 when it failed, or as long as only its begin was seen.
 */
uint64_t heap__seen(const struct heap_totals *totals);

enum process_end {
	PROCESS_RUNS = 0,
	PROCESS_EXITED,
	PROCESS_REPLACED, /* by exec: its successor is a process instance of its own */
};

/* Bytes in memory of a process when last looked at; 0: not known. */
struct heap_memory {
	uint64_t resident_bytes;  /* at its exit, once it has ended */
	uint64_t anonymous_bytes; /* of them, neither a file's nor shared */
	uint64_t peak_bytes;	  /* most that were resident; known at the exit */
};

/* One process image, as a report sees it. */
struct heap_process {
	uint32_t number; /* event_header.process */
	uint32_t parent; /* number of the forking parent or of the image before exec; 0: none */
	uint32_t pid;	 /* 0 where never reported */
	char comm[EVENT_COMM_SIZE];
	enum process_end end;
	uint32_t exit_status; /* as wait(2) gives it, once PROCESS_EXITED */
	uint64_t start_ns;    /* first seen, since start_ns of the heap */
	uint64_t end_ns;
	struct heap_counts counts;
	bool shares_memory;  /* works on its parent's heap: the live figures are the parent's */
	uint64_t live_count; /* 0 once it has ended: then see counts.at_exit_count */
	uint64_t live_bytes;
	uint64_t inherited_live_count; /* copies, not among them */
	uint64_t inherited_live_bytes;
	uint64_t peak_bytes;
	uint64_t mapped_bytes;
	uint64_t allocator_bytes; /* that allocators have mapped; at the exit, once it has ended */
	struct heap_memory memory;
};

/* What one thread allocated; its frees may be of blocks of others. */
struct heap_thread {
	uint32_t process; /* number; 0 with tid 0: all threads beyond HEAP_MAX_THREADS */
	uint32_t tid;
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t free_count;
	uint64_t temporary_count;
};

/* Threads with totals of their own; later ones share the first entry, and the report says so. */
#define HEAP_MAX_THREADS 65536

/* NULL: no memory. @options is copied. */
struct heap *heap__new(const struct heap_options *options);
void heap__free(struct heap *heap);

/* Moves the run's start to @start_ns, before the first record: attaching takes its time. */
void heap__begin(struct heap *heap, uint64_t start_ns);

/* With a memory limit: from now on there is no room for anything new, or there is again. */
void heap__close(struct heap *heap, bool is_closed);

/*
 * @call is called by heap__apply when a process has exited, before its blocks go: heap__visit_image
 * still tells them all. NULL: no more.
 */
typedef void heap_end_fn(void *context, uint32_t number);
void heap__watch_ends(struct heap *heap, heap_end_fn *call, void *context);

/* Names a process instance before its first record; @comm may be NULL. 0 or -ENOMEM. */
int heap__add_process(struct heap *heap, uint32_t number, uint32_t pid, const char *comm);

/*
 * Says which frames stand behind a stack hash of a process (and of children forked from it later):
 * innermost first, resolved by the caller. Before the first record that refers to the hash.
 */
int heap__define_stack(struct heap *heap, uint32_t process, uint64_t stack,
	const struct site_frame *frames, size_t count, enum stack_stop stop);

/* The site behind a stack hash of a process; SITE_STACK_LOST if it was never defined. */
uint32_t heap__site_of(struct heap *heap, uint32_t process, uint64_t stack);

/*
 * Applies one record of @size bytes. 0 also for kinds that do not concern the heap; -EINVAL
 * (counted) for a size too small for its kind; -ENOMEM.
 */
int heap__apply(struct heap *heap, const struct event_header *event, size_t size);

/* A hint that this record comes soon (say 8 records ahead): fetches what applying it will touch. */
void heap__prefetch(const struct heap *heap, const struct event_header *event);

/* --- questions: none changes what later records do */

/* The sizes that are counted, as in the options. */
void heap__size_filter(const struct heap *heap, uint64_t *min_size, uint64_t *max_size);
void heap__totals(const struct heap *heap, struct heap_totals *totals);

/* All sites by id, the special ones first; valid until the next record or stack. */
const struct site *heap__sites(const struct heap *heap, size_t *count);
const struct site_frame *heap__frames(const struct heap *heap, const struct site *site);
/* What the site held when the heap was largest. */
void heap__site_at_peak(
	const struct heap *heap, const struct site *site, uint64_t *count, uint64_t *bytes);
/* Blocks that are not followed for want of memory or room, of all processes. */
uint64_t heap__forgotten_count(const struct heap *heap);
/* Stacks that found no room in the table of sites. */
uint64_t heap__refused_stacks(const struct heap *heap);

/* All that run, and the latest that have ended; older ones are only counted (ended.h). */
size_t heap__process_count(const struct heap *heap);
uint64_t heap__unlisted_count(const struct heap *heap);
/* @index in order of appearance. */
void heap__process(const struct heap *heap, size_t index, struct heap_process *process);

/* Totals by thread; struct block.thread is an index into it. */
const struct heap_thread *heap__threads(const struct heap *heap, size_t *count);

/* What threads did at sites, in no order. */
const struct heap_share *heap__shares(const struct heap *heap, size_t *count);

const struct series *heap__series(const struct heap *heap);

/* The sites over time; a site's cells are in the order of time, the last one is its present. */
struct heap_slices {
	uint64_t width_ns;
	uint32_t count;
	uint64_t lost; /* cells that there was no memory for: a site then seems to change later */
	VEC(struct slice_cell) cells;
};

/* Fills @out, {0}; the caller frees its cells with vec_free, in any case. 0 or -ENOMEM. */
int heap__slices(const struct heap *heap, struct heap_slices *out);

/*
 * Fills @out[site id], @count entries, with what only grows (growth.h), the last window ending at
 * @now_ns: of what is live, or, once no process runs, of what was never freed. 0 or -ENOMEM.
 */
int heap__growth(const struct heap *heap, uint64_t now_ns, struct growth *out, size_t count);

/*
 * Where blocks are pages that faults brought in: appends the addresses of those that process
 * @index (of heap__process) has, in no order. 0 or -ENOMEM; the caller frees @out.
 */
typedef VEC(uint64_t) page_addresses;
int heap__pages(const struct heap *heap, size_t index, page_addresses *out);

/* Whether any process still runs. */
bool heap__runs(const struct heap *heap);

/*
 * Calls @visit for every block that is live or was left at exit, copies at exit excluded: @age_ns
 * is up to @now_ns, or up to the end of its process. Filtered blocks are left out.
 */
enum visited_block {
	VISITED_LIVE = 0,
	VISITED_COPY, /* inherited by fork, in a process that runs */
	VISITED_LEFT, /* at exit */
};
typedef void heap_visit_fn(
	void *context, const struct block *block, uint64_t age_ns, enum visited_block kind);
void heap__visit_live(
	const struct heap *heap, uint64_t now_ns, heap_visit_fn *visit, void *context);

/* The same for blocks that processes left which are only counted: many at once, of similar age. */
typedef void heap_visit_left_fn(void *context, const struct left_blocks *left);
void heap__visit_left(const struct heap *heap, heap_visit_left_fn *visit, void *context);

/*
 * What one process image has: its blocks, copies that it got by fork and those that the size filter
 * leaves out included, then what traced calls have mapped for it and the growth of its break.
 * False: no such image, or it works on its parent's memory.
 */
typedef void heap_visit_block_fn(void *context, const struct block *block);
typedef void heap_visit_mapped_fn(void *context, const struct mapped_range *range);
bool heap__visit_image(const struct heap *heap, uint32_t number, heap_visit_block_fn *visit,
	heap_visit_mapped_fn *visit_mapped, void *context);

#endif
