/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which threads know of a lock that names no owner: its address stands in their frames (stack words
 * and saved registers, beyond their own wait for it), or the code of a function on their stack
 * takes it. Whoever holds a lock mostly shows one of both; idle threads show neither.
 */
#ifndef MEMTRACE_LOCKS_EVIDENCE_H
#define MEMTRACE_LOCKS_EVIDENCE_H

#include "base/vec.h"
#include "locks/waits.h"

/* Weakest first. */
enum evidence_kind {
	EVIDENCE_OBJECT,  /* a pointer to what the lock lies in is in its frames */
	EVIDENCE_NAMED,	  /* the code of its frames names the lock */
	EVIDENCE_AT_HAND, /* the lock's address is in its frames */
	EVIDENCE_TAKEN,	  /* the code of its frames takes the lock, and has not let it go */
};

struct evidence {
	uint64_t address; /* of the lock */
	const struct lock_thread *thread;
	enum evidence_kind kind;
	size_t frame;	/* where it was found */
	uint32_t takes; /* how often the code takes it: whoever waits for it does so once */
};

/* By address, then the strongest first, then as the threads are. */
typedef VEC(struct evidence) evidence_list;

/*
 * Finds what the threads of process @pid know of the locks at @addresses (ascending). Of a thread
 * that waits for a lock only how often it takes that one. 0 or -ENOMEM; @out is freed by vec_free.
 */
int evidence__find(const struct snapshot *snapshot, const struct lock_memory *memory,
	const struct lock_waits *waits, pid_t pid, const uint64_t *addresses, size_t count,
	evidence_list *out);

/* Index of the first evidence on @address, and *count how many there are. */
size_t evidence__of(const evidence_list *list, uint64_t address, size_t *count);

#endif
