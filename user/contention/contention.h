/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The model of contention: which lock was waited for how often and how long, from which stacks, and
 * on whose account. Pure: it is fed locks, stacks and waits that whoever reads them has named, and
 * answers questions.
 *
 *	lock = contention__add_lock(model, &identity);
 *	contention__add_stack(model, hash, &stack);
 *	contention__add_wait(model, &wait);
 *	...
 *	contention__rank(model, &ranking, options)
 */
#ifndef MEMTRACE_CONTENTION_CONTENTION_H
#define MEMTRACE_CONTENTION_CONTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/hash.h"
#include "base/vec.h"
#include "locks/waits.h"

/* Bucket n counts waits of 2^n to 2^(n+1) - 1 ns; the last one what is longer: 18 minutes. */
#define CONTENTION_BUCKETS 41

/* Waits that have something in common. */
struct contention_sums {
	uint64_t count;
	uint64_t total_ns;
	uint64_t max_ns;
	uint64_t histogram[CONTENTION_BUCKETS];
};

/* Whose stack a row is about. */
enum contention_side {
	CONTENTION_WAITER = 0,
	CONTENTION_HOLDER,
	CONTENTION_SIDES,
};

/* When a holder's stack was taken. */
enum holder_moment {
	HOLDER_UNKNOWN = 0,
	HOLDER_AT_BEGIN,   /* when the wait began */
	HOLDER_AT_RELEASE, /* when it let the lock go: it ran on a CPU before, or is not named */
};

/* What a lock is known by, and called. */
struct contention_identity {
	struct lock_key key;
	enum wait_kind kind;
	bool is_loader; /* one of the dynamic loader's own */
	bool shared;	/* between processes */
	bool is_guess;	/* stacks without unwind tables alone tell of it: its kind may be another */
	pid_t pid;	/* of the first that waited */
	uint64_t address;
	char name[WAIT_NAME_SIZE]; /* "" where it has none */
	char module[WAIT_NAME_SIZE];
};

struct contention_lock {
	struct contention_identity identity;
	struct contention_sums sums;
	uint64_t threads;	/* that have waited for it */
	uint64_t open_at_begin; /* waits that had begun before anybody looked */
	uint64_t open_at_end;	/* waits that had not ended yet */
	uint64_t open_ns;	/* of the latter, so far; the longest */
	uint64_t moments[3];	/* waits by enum holder_moment */
	bool is_merged;		/* it turned out to be another one, which has its waits */
};

/* The stack of a waiter or a holder; frames are the caller's and outlive the model. */
struct contention_stack {
	const struct lock_frame *frames; /* innermost first */
	size_t count;
	size_t first; /* below it, frames are those of the wait or the release itself */
	bool by_frame_pointer;
	bool is_cut; /* the walk did not reach the thread's first function */
};

/* Waits for one lock from one stack, or on account of one. */
struct contention_row {
	uint32_t lock;
	uint64_t stack; /* 0: unknown */
	enum contention_side side;
	struct contention_sums sums;
	uint64_t at_begin; /* holders: waits at whose begin the stack was taken */
};

struct contention_thread {
	pid_t pid;
	pid_t tid;
	char comm[LOCK_COMM_SIZE];
	struct contention_sums waited; /* for what is ranked */
	uint64_t held_ns;	       /* waits of others that it was the holder of */
	uint64_t held_count;
};

struct contention_wait_facts {
	uint32_t lock;
	pid_t pid;
	pid_t tid;
	const char *comm;
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t stack;
	uint64_t holder_stack; /* 0: unknown */
	enum holder_moment moment;
	pid_t holder_tid; /* 0: unknown */
};

struct contention;

/* NULL: no memory. */
struct contention *contention__new(void);
void contention__free(struct contention *model);

/* The number of the lock, new or known; a negative errno. */
int64_t contention__add_lock(struct contention *model, const struct contention_identity *identity);

/* Lock @from turned out to be @into: its waits are that one's, too, and it has none. 0 or -ENOMEM.
 */
int contention__merge_lock(struct contention *model, uint32_t from, uint32_t into);

/* What stack @hash is. 0 or -ENOMEM. */
int contention__add_stack(
	struct contention *model, uint64_t hash, const struct contention_stack *stack);
/* NULL: never added. */
const struct contention_stack *contention__stack(struct contention *model, uint64_t hash);

/* A wait that has ended. 0 or -ENOMEM. */
int contention__add_wait(struct contention *model, const struct contention_wait_facts *wait);

/* One that had begun before the start, or has not ended after @so_far_ns: in no sum. */
void contention__add_open(struct contention *model, uint32_t lock, bool at_end, uint64_t so_far_ns);

/*
 * --- a profile that was kept: its sums are taken over as they are. A lock's number or a negative
 * errno; 0 or -ENOMEM.
 */
int64_t contention__restore_lock(struct contention *model, const struct contention_lock *lock);
int contention__restore_row(struct contention *model, const struct contention_row *row);
int contention__restore_thread(struct contention *model, const struct contention_thread *thread);

size_t contention__lock_count(const struct contention *model);
const struct contention_lock *contention__lock(const struct contention *model, uint32_t number);

/* "mutex", "loader", "malloc-arena"...: as `locks` has it, but that the loader's are apart. */
const char *contention__kind(const struct contention_identity *identity);

/*
 * Whether waiting for such a lock is contention: somebody has it whom others keep from going on.
 * Waiting for work (conditions, semaphores, parked threads), for other threads' ends and for all
 * of them at a barrier is not; a futex of which a guess tells alone may be any of these.
 */
bool contention__is_ranked(const struct contention_identity *identity);

/* Of all locks that are ranked (@all: of all); NULL in @kind, or one kind alone. */
struct contention_filter {
	bool all;
	const char *kind;
};
bool contention__wants(
	const struct contention_filter *filter, const struct contention_identity *identity);

/* --- what a report asks; each list is by total time, the longest first, freed with vec_free */

typedef VEC(uint32_t) contention_numbers;
int contention__rank_locks(const struct contention *model, const struct contention_filter *filter,
	contention_numbers *out);

/* @lock: rows of this lock alone; -1: of all that the filter wants. */
typedef VEC(const struct contention_row *) contention_rows;
int contention__rank_rows(const struct contention *model, const struct contention_filter *filter,
	int64_t lock, enum contention_side side, contention_rows *out);

typedef VEC(const struct contention_thread *) contention_threads;
int contention__rank_threads(const struct contention *model, contention_threads *out);

/* The sum of all locks that the filter wants. */
struct contention_sums contention__total(
	const struct contention *model, const struct contention_filter *filter);

/* The sum of the locks of @kind that it does not want. */
struct contention_sums contention__rest(const struct contention *model,
	const struct contention_filter *filter, enum wait_kind kind);

/* --- functions */

struct contention_function {
	const char *name; /* NULL: module and offset say where it is */
	const char *module;
	uint64_t module_offset;
	const char *file;
	uint64_t own_ns; /* waits that it called the lock's function for, or is held by */
	uint64_t own_count;
	uint64_t inclusive_ns; /* waits below it, each once */
	uint64_t inclusive_count;
};

/* Every function on the stacks of that side, by own time, then inclusive time. */
typedef VEC(struct contention_function) contention_functions;
int contention__functions(struct contention *model, const struct contention_filter *filter,
	enum contention_side side, contention_functions *out);

void contention_sums__add(struct contention_sums *sums, uint64_t ns);

/* The bucket of a wait of @ns. */
unsigned int contention__bucket(uint64_t ns);

/*
 * The time that @percent of the waits did not exceed, by the histogram: the upper end of the bucket
 * that it lies in, but no more than the longest wait.
 */
uint64_t contention_sums__percentile(const struct contention_sums *sums, unsigned int percent);

/* What was seen and what was not. */
struct contention_losses {
	uint64_t seen;		   /* waits that began */
	uint64_t not_noted;	   /* too many at one time */
	uint64_t ring_full;	   /* ends that did not arrive */
	uint64_t stacks_lost;	   /* stacks that did not arrive */
	uint64_t no_memory;	   /* of memtrace */
	uint64_t by_frame_pointer; /* stacks for want of unwind tables */
	uint64_t cut;		   /* stacks that do not reach a thread's first function */
	uint64_t stacks;	   /* distinct ones */
};

#endif
