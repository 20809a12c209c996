/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Programs that know their own call stack: each function that has KNOWN() in it is on a list while
 * it runs, and known_alloc() allocates with that list as the truth. Environment:
 *
 *	TRUTH=FILE	appends a line {"size": N, "stack": ["known_alloc", "inner", ..., "main"]}
 *			for each allocation, whose size N no other one has; the blocks stay
 *	GATE=DIR	begins and ends as the programs of heap/ do (../README.md)
 *	STACK_PIPE=O,I	instead of allocating, writes a struct known_record to fd O and waits for a
 *			byte from fd I: meanwhile somebody else may walk this thread's stack
 */
#ifndef KNOWN_STACK_H
#define KNOWN_STACK_H

#include <stddef.h>
#include <stdint.h>

#define KNOWN_MAX 300

/* The registers at `pc`, and the functions that are running, innermost first. */
struct known_record {
	uint64_t pc, sp, bp, bx;
	uint64_t expects_whole; /* 0: the stack's base is in code without frame information */
	uint64_t count;
	uint64_t functions[KNOWN_MAX];
	char label[32]; /* the case's name */
};

#ifdef __cplusplus
extern "C" {
#endif

struct known_mark {
	int depth;
};

struct known_mark known_stack__enter(const void *function, const char *name);
void known_stack__leave(struct known_mark *mark);
void known_stack__set_label(const char *label);

/* At the start and at the end of main: wait for whoever traces the program. */
void known_stack__open_gate(void);
void known_stack__close_gate(void);

/* Allocates a block of a size of its own (some 10,000 bytes and more). Innermost known function. */
void known_alloc(void);

#ifdef __cplusplus
}

struct known_scope {
	struct known_mark mark;
	known_scope(const void *function, const char *name)
	    : mark(known_stack__enter(function, name))
	{
	}
	~known_scope()
	{
		known_stack__leave(&mark);
	}
};
#define KNOWN(function) known_scope known_here((const void *)(function), #function)
#else
#define KNOWN(function)                                                                     \
	__attribute__((cleanup(known_stack__leave), unused)) struct known_mark known_here = \
		known_stack__enter((const void *)(function), #function)
#endif

/* Before a tail call: the function's frame is about to go. */
#define FORGET() known_stack__leave(&known_here)

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

#endif
