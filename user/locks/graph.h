/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The wait-for graph: each wait has an edge to the thread that holds what is waited for. A
 * deadlock is a cycle of untimed waits; who waits behind one is a victim, not part of it.
 */
#ifndef MEMTRACE_LOCKS_GRAPH_H
#define MEMTRACE_LOCKS_GRAPH_H

#include "locks/waits.h"

enum verdict {
	VERDICT_NONE = 0,
	VERDICT_DEADLOCK,	 /* a cycle of untimed waits */
	VERDICT_SELF_DEADLOCK,	 /* a thread that waits for itself */
	VERDICT_TIMED_CYCLE,	 /* a cycle that a timeout will break: a warning */
	VERDICT_OWNER_DEAD,	 /* the owner is gone */
	VERDICT_OWNER_ELSEWHERE, /* the chain ends in a thread that waits for something else */
	VERDICT_OWNER_BUSY,	 /* the chain ends in a thread that runs */
	VERDICT_OWNER_UNKNOWN,	 /* the lock does not tell, and no stack proves it */
	VERDICT_STALL,	/* a condition, semaphore or barrier: nobody has it, somebody has to signal
			 */
	VERDICT_FORKED, /* the owner is a thread that a fork did not copy */
	VERDICT_LOST,	/* the lock is free, and nobody is on the way to it */
	VERDICT_IDLE,	/* as a stall, of a runtime's thread that has nothing to do: see idle.h */
	VERDICT_HUNG,	/* nobody has it or who has it is not known; all of the process wait */
};

/* "DEADLOCK", "SELF-DEADLOCK", "OWNER DEAD"... as in the reports. */
const char *verdict__name(enum verdict verdict);

/* What became of the chain that begins with one wait. */
struct wait_fate {
	enum verdict verdict;
	bool in_cycle;
	size_t cycle;		       /* of the cycles, where the verdict is one of a cycle */
	const struct lock_thread *end; /* the thread at the end of the chain; NULL: none known */
	size_t depth;		       /* waits from this one to the end or the cycle */
};

struct wait_cycle {
	enum verdict verdict;
	size_t first; /* in members */
	size_t count;
	size_t victims;		  /* waits that lead into it */
	enum certainty certainty; /* of its least certain edge */
};

/* Waiters behind one lock. */
struct convoy {
	size_t wait;  /* one of them */
	size_t count; /* how many */
};

/* A lock with fewer waiters is not a convoy. */
#define CONVOY_MINIMUM 3

struct wait_graph {
	const struct lock_waits *waits;
	struct wait_fate *fates; /* one for each wait */
	struct wait_cycle *cycles;
	size_t cycle_count;
	size_t *members; /* indices of waits; each cycle's stand together, each held by the next */
	size_t member_count;
	struct convoy *convoys; /* longest first */
	size_t convoy_count;
	size_t *edges; /* of each wait, the wait of its owner; SIZE_MAX: none */
	/* The other way: of each wait, the first one for something that its thread has, and of that
	 * one the next. SIZE_MAX: none. */
	size_t *first_behind;
	size_t *next_behind;
};

/* Returns 0 or -ENOMEM. The caller calls graph__free; @waits must outlive @out. */
int graph__build(const struct lock_waits *waits, struct wait_graph *out);
void graph__free(struct wait_graph *graph);

/*
 * What the thread of wait @index holds, one lock after the other: a wait for the next one after
 * that of @wait (SIZE_MAX: the first), or SIZE_MAX. Not the thread itself, which others may join.
 */
size_t graph__next_held(const struct wait_graph *graph, size_t index, size_t wait);

/* DEADLOCK or SELF-DEADLOCK. */
bool verdict__is_deadlock(enum verdict verdict);

/*
 * Whether the cycle @index of @now is also in @before: the same threads (by TID and start time)
 * wait for the same locks with the same owners. *never_ran: and none of them has run in between.
 */
bool graph__cycle_persists(const struct wait_graph *now, size_t index,
	const struct wait_graph *before, bool *never_ran);

/* A number that is the same for the same cycle in every look. */
uint64_t graph__cycle_identity(const struct wait_graph *graph, size_t index);

#endif
