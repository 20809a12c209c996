/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Waits: for each blocked thread of a snapshot, what it waits for, and who has it. The kind comes
 * from the functions on the blocked stack, checked against the layout of the lock; never from the
 * futex operation alone. An owner counts only if it is a live thread that can hold this lock.
 */
#ifndef MEMTRACE_LOCKS_WAITS_H
#define MEMTRACE_LOCKS_WAITS_H

#include "base/hash.h"
#include "base/vec.h"
#include "locks/futex.h"
#include "locks/layouts.h"
#include "locks/wait_site.h"

/* Long enough for an unmangled C++ name that a person would still read. */
#define WAIT_NAME_SIZE 192
#define WAIT_REASON_SIZE 256
/* Words of a futex_waitv that are shown; the kernel takes up to 128. */
#define WAIT_KEPT_WORDS 16

enum certainty {
	CERTAINTY_UNKNOWN = 0,
	CERTAINTY_SUSPECTED, /* its frames or their code know the lock, and no other thread's do */
	CERTAINTY_INFERRED,  /* from stacks or by elimination: `reason` says from what */
	CERTAINTY_EXACT,     /* the lock says so, and that thread can hold it */
};

const char *certainty__name(enum certainty certainty);

struct lock_wait {
	const struct lock_thread *thread;
	struct futex_wait futex;
	uint64_t left_ns; /* until the timeout of futex; LOCK_AGE_UNKNOWN: none, or not known */
	enum wait_kind kind;
	struct wait_site site;
	uint64_t address; /* of the lock; the futex word where no layout is known */
	/* futex_waitv: its words, as many as are kept, and how many there are; else 0. */
	uint64_t words[WAIT_KEPT_WORDS];
	uint32_t word_count;
	struct lock_key key;
	bool shared;			/* other processes can map it */
	char name[WAIT_NAME_SIZE];	/* of the lock; "" where it has none */
	char module[WAIT_NAME_SIZE];	/* where that name is from; "" */
	const struct lock_block *block; /* NULL: in none that is known */
	struct lock_state state;
	const struct lock_thread *owner; /* NULL: none, dead or unknown */
	enum certainty certainty;	 /* of owner, or of owner_dead */
	bool owner_dead;		 /* somebody held it and has exited */
	pid_t owner_number; /* what the lock says, in its namespace's numbers; 0 nothing */
	bool forked;	    /* held by a thread of the parent that the fork did not copy */
	int fd;		    /* of FUTEX_TYPE_NONE: the descriptor it is about; -1: none */
	bool parked;	    /* refused by the kernel, and glibc parks such a thread forever */
	char reason[WAIT_REASON_SIZE]; /* why this owner, or why none; "" where it is plain */
};

struct lock_waits {
	struct lock_wait *data; /* ascending by (pid, tid) */
	size_t size;
	size_t capacity;
	/* Processes that waits for no futex lead to: to be looked at as well. */
	VEC(pid_t) processes;
};

/*
 * Finds the waits of the processes in snapshot->processes (threads of other processes only serve
 * as owners). Returns 0 or -ENOMEM; the caller calls waits__free. @snapshot must outlive @out.
 */
int waits__find(
	const struct snapshot *snapshot, const struct lock_memory *memory, struct lock_waits *out);
void waits__free(struct lock_waits *waits);

/* The wait of @thread, or NULL. */
struct lock_wait *waits__of(const struct lock_waits *waits, const struct lock_thread *thread);

bool lock_key__equal(const struct lock_key *a, const struct lock_key *b);

/* For DEFINE_HASH. */
static inline uint64_t lock_key__hash(struct lock_key key)
{
	return hash_combine(hash_combine(key.space, key.inode), key.offset);
}

static inline bool lock_key__same(struct lock_key a, struct lock_key b)
{
	return lock_key__equal(&a, &b);
}

/* Sets the reason; printf's rules. */
void wait__explain(struct lock_wait *wait, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
