/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the files of the heap model share: its state, and how blocks enter and leave the books. */
#ifndef MEMTRACE_HEAP_HEAP_PRIVATE_H
#define MEMTRACE_HEAP_HEAP_PRIVATE_H

#include "heap/ended.h"
#include "heap/heap.h"
#include "heap/shares.h"
#include "heap/slices.h"

/* Memory that one or (vfork) several processes work on. */
struct heap_space {
	struct live_set live;
	struct mapped mapped;
	unsigned int references; /* processes, ended ones included */
	unsigned int users;	 /* processes that still run */
	uint64_t live_count;	 /* booked: without filtered blocks, with those in a realloc */
	uint64_t live_bytes;
	uint64_t inherited_count; /* copies, apart */
	uint64_t inherited_bytes;
	uint64_t peak_bytes;
};

/* A block between the begin and the end of its realloc: in the books, but not in the live set. */
struct pending_realloc {
	uint64_t address; /* 0: none */
	uint64_t begin_ns;
	struct block block; /* address 0: not tracked */
	bool temporary;
};

struct thread {
	uint32_t tid;
	uint32_t totals; /* index in heap.threads */
	uint32_t last_sequence;
	uint64_t last_address; /* of the thread's latest allocation */
	uint64_t last_ns;
	struct pending_realloc pending;
};

DEFINE_HASH_NUMBER(thread_map, uint64_t, struct thread *);
DEFINE_HASH_NUMBER(stack_map, uint64_t, uint32_t); /* → site id */

struct process {
	uint32_t number;
	uint32_t pid;
	struct process *parent; /* whose stacks it may refer to: forked from */
	uint32_t parent_number;
	unsigned int heirs; /* processes whose `parent` this is, that still run */
	char comm[EVENT_COMM_SIZE];
	enum process_end end;
	uint32_t exit_status;
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	uint64_t end_ns;
	bool shares_memory;
	struct heap_space
		*space; /* never NULL; when all users have ended it has the blocks at exit */
	struct thread_map threads;
	struct thread *latest_thread;
	struct thread spare; /* stands for every thread that found no memory */
	struct stack_map stacks;
	struct heap_counts counts;
	struct heap_memory memory;
	uint64_t allocator_bytes; /* mapped by allocators at the exit */
};

DEFINE_HASH_NUMBER(process_map, uint64_t, struct process *);
DEFINE_HASH_NUMBER(left_map, uint64_t, struct left_blocks); /* ended.c */

struct heap {
	struct heap_options options;
	struct sites sites;
	struct process_map by_number;
	VEC(struct process *) processes;
	struct process *latest_process;
	VEC(struct heap_thread) threads;
	VEC(uint32_t) free_threads;	 /* places in it that are free again */
	uint64_t stack_count;		 /* in the maps of all processes */
	bool is_closed;			 /* heap__close */
	size_t kept_ended;		 /* of `processes`, those that have ended */
	size_t kept_blocks;		 /* left by them, and kept one by one */
	uint64_t ended_count;		 /* processes that were added up, */
	struct heap_counts ended_counts; /* here, */
	struct left_map left;		 /* and here the blocks that they left */
	struct series series;
	struct slices slices;
	bool has_pages;	 /* blocks are pages that were faulted in */
	uint32_t shrunk; /* site that the record at hand took from; SITE_FILTERED: none */
	struct shares shares;

	uint64_t live_count;
	uint64_t live_bytes;
	uint64_t inherited_live_count;
	uint64_t inherited_live_bytes;
	uint64_t peak_epoch;
	uint64_t peak_count;
	uint64_t peak_bytes;
	uint64_t peak_inherited_bytes;
	uint64_t peak_at_ns; /* CLOCK_MONOTONIC */
	uint64_t mapped_bytes;
	uint64_t mapped_peak_bytes;
	uint64_t at_exit_kinds[MAPPED_KIND_COUNT]; /* mapped when their process exited */
	uint64_t malformed_count;
	uint64_t unfinished_reallocs;
	uint64_t last_ns;
	heap_end_fn *watch_ends; /* NULL: nobody does */
	void *ends_context;
};

/* --- processes.c */

/* The process with this number, new if never heard of (its fork record may be lost). */
struct process *heap__find_process(struct heap *heap, uint32_t number);
struct thread *heap__find_thread(struct heap *heap, struct process *process, uint32_t tid);
/*
 * The site behind a stack hash. One that was never defined is lost, or one of those that found no
 * room: then it is with SITE_TABLE_FULL.
 */
uint32_t heap__find_site(struct heap *heap, struct process *process, uint64_t stack);

int heap__apply_fork(struct heap *heap, const struct event_process *event);
int heap__apply_exec(struct heap *heap, const struct event_process *event);
void heap__apply_exit(struct heap *heap, const struct event_process *event);
void heap__apply_memory(struct heap *heap, const struct event_memory *event);
void heap__apply_thread_exit(struct heap *heap, const struct event_header *event);
/* Moves the totals of mapped bytes by what @space has now and had @before. */
void heap__account_mapped(
	struct heap *heap, const struct heap_space *space, uint64_t before, uint64_t time_ns);
void heap__free_process(struct process *process);

/* --- heap.c */

/* Where a record belongs. */
struct record_origin {
	struct process *process;
	struct thread *thread;
	struct heap_space *space;
};

/* A free that was seen, of a block that was tracked and is out of the live set. */
void heap__book_free(struct heap *heap, const struct record_origin *from, const struct block *block,
	uint64_t time_ns, bool temporary);
/* A block that must have been freed, though no record said so. */
void heap__book_implied_free(
	struct heap *heap, const struct record_origin *from, const struct block *block);
/* The allocation was seen, but will not be known when it is freed. */
void heap__forget_block(
	struct heap *heap, const struct record_origin *from, const struct block *block);

/* --- pages.c: where blocks are pages, what memory system calls do to them */

void pages__apply_mapping(
	struct heap *heap, const struct record_origin *from, const struct event_mapping *event);

/* --- query.c */

void heap_counts__add(struct heap_counts *sum, const struct heap_counts *counts);

/* --- books.c: every change of what is live goes through these */

static inline bool is_filtered(const struct block *block)
{
	return block_site(block) == SITE_FILTERED;
}

/* A block became live: allocated, or (BLOCK_INHERITED) copied by fork. */
void books__enter(struct heap *heap, struct heap_space *space, const struct block *block);
/* It is no longer live: it was freed, in whatever way, or discarded. */
void books__leave(struct heap *heap, struct heap_space *space, const struct block *block);
/* It is no longer live, as its last process has ended without freeing it. */
void books__leave_at_exit(struct heap *heap, struct heap_space *space, const struct block *block);
/* Notes a new peak, if it is one, and the series; once per record, when the books are settled. */
void books__settle(struct heap *heap, struct heap_space *space, uint64_t time_ns);

#endif
