/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A program's own account of its heap: every call that it makes is counted here, and written out
 * as one line of JSON whose keys are those of memtrace's report. Nothing here allocates.
 *
 * Between truth__open() and truth__close() lies what a tracer has to find. With GATE=DIR in the
 * environment these two wait for the tester (see ../README.md); without it the tracer is there
 * from the first instruction, and everything counts.
 */
#ifndef TARGETS_TRUTH_H
#define TARGETS_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One thread's counts; threads never share one, and truth__add() sums them up at the end. */
struct truth {
	uint64_t alloc_count, alloc_bytes;
	uint64_t free_count, freed_bytes;
	uint64_t failed_count;
	uint64_t temporary_count;
	uint64_t untracked_free_count;
	uint64_t inherited_count, inherited_bytes; /* by fork: live here, allocated elsewhere */
	uint64_t peak_bytes; /* of this thread's live bytes: the process's only if it is alone */
	uint32_t sequence;   /* allocations so far: tells temporaries */
	uint32_t thread;
} __attribute__((aligned(128)));

/* A block as its owner remembers it. */
struct block {
	void *address; /* NULL: none */
	size_t size;
	uint32_t thread, sequence; /* of the allocation */
	bool traced;		   /* allocated where the tracer sees it */
};

/* Are calls counted now? True from the start without GATE, else between open and close. */
extern bool truth_counting;

/* Waits until the tracer is there. */
void truth__open(void);

/* Writes @t as this process's line to $TRUTH, then waits for the tester to be done. */
void truth__close(const struct truth *t, bool alone);

/* Writes @t without waiting: for children, whose parent holds the gate. */
void truth__write(const struct truth *t, bool alone);

void truth__add(struct truth *to, const struct truth *from);

/* Creates DIR/NAME of the gate, or waits for it (60 s at most, then the program ends with 3). */
void truth__signal(const char *name);
void truth__await(const char *name);

/* Record what a call did. @address NULL: it failed. Both give the block's new state. */
void truth__alloc(struct truth *t, struct block *b, void *address, size_t size);
void truth__free(struct truth *t, struct block *b);
/* realloc of @b to @size gave @address: NULL with size > 0 leaves the old block as it was. */
void truth__realloc(struct truth *t, struct block *b, void *address, size_t size);

/* A small generator of repeatable numbers. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Keeps the compiler from reasoning about what a pointer came from. */
static inline void *opaque(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static inline void do_malloc(struct truth *t, struct block *b, size_t size)
{
	truth__alloc(t, b, opaque(malloc(size)), size);
}

static inline void do_calloc(struct truth *t, struct block *b, size_t count, size_t size)
{
	truth__alloc(t, b, opaque(calloc(count, size)), count * size);
}

static inline void do_realloc(struct truth *t, struct block *b, size_t size)
{
	truth__realloc(t, b, opaque(realloc(b->address, size)), size);
}

static inline void do_free(struct truth *t, struct block *b)
{
	void *address = opaque(b->address);

	truth__free(t, b);
	free(address);
}

#ifdef __cplusplus
}
#endif
#endif
