/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where the machine code of a function names the address of a lock: a lock that is a variable
 * leaves no trace on the stack of whoever holds it, but the code by which it was taken does. Of
 * x86-64: operands relative to the instruction pointer, and 32-bit immediates; of other machines
 * nothing.
 */
#ifndef MEMTRACE_LOCKS_CODE_REFS_H
#define MEMTRACE_LOCKS_CODE_REFS_H

#include "base/vec.h"
#include "locks/snapshot.h"

enum code_use {
	CODE_NAMES,	 /* for whatever purpose */
	CODE_TAKES_CALL, /* hands it to a function that locks, or calls one that locks it */
	CODE_TAKES_WORD, /* compares and exchanges it */
	CODE_WRITES,	 /* exchanges it or adds to it: takes it, or lets it go */
	CODE_LETS_GO,	 /* hands it to a function that unlocks */
};

struct code_ref {
	uint64_t address; /* of the lock */
	enum code_use use;
	uint64_t place; /* in the instruction that names it */
};

typedef VEC(struct code_ref) code_refs;

/* Of a longer function that much, the end, is read. */
#define CODE_REFS_BYTES (16u << 10)

/* A function of the application's own that takes one lock: "heap_lock". */
struct lock_function {
	uint64_t start;
	uint64_t lock;
};

/* What is looked for. */
struct code_wanted {
	const uint64_t *addresses; /* of locks, ascending */
	size_t count;
	const struct lock_function *functions;
	size_t function_count;
};

/*
 * Appends what the code from @start up to @end names of @wanted, in the order of the code. Returns
 * 0 or -ENOMEM; code that cannot be read has none.
 */
int code_refs__find(const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end,
	const struct code_wanted *wanted, code_refs *out);

/*
 * Where in the order of the code a thread is that goes on at @pc, in the function at @start: a call
 * that seldom happens stands behind the rest of it, with a jump back. Returns the jump's target, or
 * @pc.
 */
uint64_t code_refs__resumed_at(
	const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t pc);

/* The variable that the code from @start up to @end names last of those that hold @value: a lock
 * that is just a pointer to its data. 0: it names none. */
uint64_t code_refs__find_pointer(
	const struct lock_memory *memory, pid_t pid, uint64_t start, uint64_t end, uint64_t value);

#endif
