/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The model of the order in which locks are taken: who asked for which lock while holding which
 * others, the graph that this makes, and its cycles, which are possible deadlocks. Pure: it is fed
 * records (bpf/order_records.h) and answers questions.
 *
 *	order__take_nested(model, record)	a thread asks for a lock while it holds others
 *	order__take_gone(model, record)		locks that are none any more: the next there is new
 *	order__find(model, &findings)		the cycles
 *
 * A cycle counts where each of its threads can wait for the next one's lock at the same time: no
 * two of them hold a lock in common that keeps the others out (a gate), and at each lock what is
 * held keeps out what is asked for. Readers do not keep each other out, unless a writer was seen
 * to ask for that lock or the lock is of a kind whose readers wait for writers.
 */
#ifndef MEMTRACE_ORDER_ORDER_H
#define MEMTRACE_ORDER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"
#include "order_records.h"

#define ORDER_NAME_SIZE 128

/* What a lock is known by outside of its process, and called. */
struct order_identity {
	bool is_shared;	 /* between processes, and found in what both map */
	uint64_t key[2]; /* of such a lock: the same in each of them */
	pid_t pid;
	char name[ORDER_NAME_SIZE]; /* "" where it has none */
	char module[ORDER_NAME_SIZE];
};

struct order_lock {
	uint32_t process; /* number of the image (event.h) in which it was met first */
	uint64_t address;
	uint32_t facts; /* enum order_facts, but for how it is taken */
	bool is_gone;
	bool has_writers; /* one was seen to ask for it */
	struct order_identity identity;
	struct order_hold hold;
};

struct order_thread_life {
	uint32_t process;
	pid_t tid;
	uint64_t start_ns;
	uint64_t end_ns; /* UINT64_MAX: it still runs, or its end was not seen */
	char comm[EVENT_COMM_SIZE];
};

/* That a thread asked for one lock while it held another. */
struct order_use {
	uint32_t edge;
	uint32_t next; /* of the same edge; ORDER_NONE: the last */
	uint32_t thread;
	uint32_t from_facts; /* how the one was taken... */
	uint32_t to_facts;   /* ...and how the other was asked for */
	uint64_t from_stack;
	uint64_t to_stack;
	uint64_t time_ns;
	uint32_t first_held; /* all that was held, in the model's list of marks */
	uint32_t held_count;
	bool retakes; /* at the end of a wait on a condition */
};

struct order_edge {
	uint32_t from; /* locks, by number */
	uint32_t to;   /* the same as @from: the thread waits for itself */
	uint32_t first_use;
	uint32_t use_count;
};

#define ORDER_NONE UINT32_MAX

/* How sure it is that the threads of a cycle can meet. */
enum order_meeting {
	ORDER_CAN_MEET = 0, /* as many threads as locks, and they ran at the same time */
	ORDER_NEVER_MET,    /* so many, but no such set of them ran at the same time */
	ORDER_FEW_THREADS,  /* fewer threads than locks have done all of it, so far */
	ORDER_BY_ITSELF,    /* a thread waits for a lock that it has: certain */
};

/* A cycle: each use's lock that is asked for is the one that the next use's thread holds. */
struct order_finding {
	VEC(uint32_t) uses;
	enum order_meeting meeting;
	uint32_t threads; /* different ones */
	uint64_t repeats; /* more cycles of other locks, from the same places */
	uint64_t places;  /* what two cycles from the same places have in common */
};

typedef VEC(struct order_finding) order_findings;

/* What was seen, and what was not. */
struct order_totals {
	uint64_t nestings; /* records */
	uint64_t locks;	   /* that were nested in others, or others in them */
	uint64_t edges;
	uint64_t threads;
	uint64_t gone;		  /* locks that are none any more */
	uint64_t let_go_by_other; /* unlocks by a thread other than the one that locked */
	uint64_t unknown_before;  /* unlocks of what was locked before memtrace came, perhaps */
	uint64_t uses_dropped;	  /* an edge has more than ORDER_MAX_USES */
	uint64_t searches_cut;	  /* edges whose cycles were not all looked at */
	uint64_t no_memory;
};

/* Ways of one edge that are kept: threads, what else was held, stacks. */
#define ORDER_MAX_USES 256
/*
 * Steps of the search for cycles: in a tangle of locks there are more paths than can be looked at.
 * Per edge, and in all; a second or two.
 */
#define ORDER_STEPS_PER_EDGE 200000
#define ORDER_STEPS 40000000ull

struct order_model;

/* Tells what a lock is that is met for the first time. */
typedef void order_describe_fn(void *context, uint32_t process, uint64_t address, uint32_t facts,
	struct order_identity *out);

/* @attached_ns: threads that started before may hold what nobody saw them take. NULL: no memory. */
struct order_model *order__new(order_describe_fn *describe, void *context, uint64_t attached_ns);
void order__free(struct order_model *model);

/* @stack was taken at the place @site: cycles from the same places are one finding. */
int order__add_stack(struct order_model *model, uint64_t stack, uint64_t site);

/* 0 or -ENOMEM, which is counted. @held: record->count of them. */
int order__take_nested(struct order_model *model, const struct order_nested *record,
	const struct order_held *held);
/* @forget is called for each lock that ends with the block, at its address; it may be NULL. */
void order__take_gone(struct order_model *model, const struct order_gone *record,
	void (*forget)(void *context, uint64_t address));
void order__take_foreign(struct order_model *model, const struct order_foreign *record);

/* A thread, or with @tid 0 all threads of a process, have ended. */
void order__end_thread(struct order_model *model, uint32_t process, pid_t tid, uint64_t time_ns);

/* How long the lock was held that is at an address now. 0 or -ENOMEM. */
int order__add_hold(
	struct order_model *model, const struct order_lock_key *key, const struct order_hold *hold);

const struct order_lock *order__lock(const struct order_model *model, uint32_t number);
const struct order_edge *order__edge(const struct order_model *model, uint32_t number);
const struct order_use *order__use(const struct order_model *model, uint32_t number);
const struct order_thread_life *order__thread(const struct order_model *model, uint32_t number);

size_t order__lock_count(const struct order_model *model);
size_t order__edge_count(const struct order_model *model);

void order__count(const struct order_model *model, struct order_totals *out);

/*
 * The cycles, the surest first, those from the same places once. @out is freed with
 * order__free_findings. 0 or -ENOMEM.
 */
int order__find(struct order_model *model, order_findings *out);
void order__free_findings(order_findings *findings);

/* "mutex", "rwlock", "spin lock" */
const char *order__kind(uint32_t facts);

#endif
