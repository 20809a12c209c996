/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Does an allocation function do the work itself, or does it call another traced one? libstdc++'s
 * operator new calls malloc; a pool's keeps blocks of its own. The answer decides the probe: a
 * function that delegates needs none of its own or only one that notes what was asked for, so no
 * return probe stands in the way of its std::bad_alloc.
 *
 * Decided by reading the function's code along all its paths: it delegates if every path that
 * returns has called, or ends by jumping to, a traced function of the same sense. Paths into code
 * outside the symbol (the compiler's cold parts: throwing, aborting) are not followed.
 */
#ifndef MEMTRACE_PROBE_DELEGATE_H
#define MEMTRACE_PROBE_DELEGATE_H

#include "probe/elf_view.h"
#include "probe/insn.h"
#include "process/allocators.h"

enum delegate_verdict {
	DELEGATES_NEVER = 0, /* calls no traced function directly */
	DELEGATES_PARTLY,    /* on some paths only: it also keeps memory of its own */
	DELEGATES_ALWAYS,
	DELEGATES_BY_JUMP, /* is nothing but a jump, all arguments untouched: another name */
};

struct delegate {
	enum delegate_verdict verdict;
	const struct allocator_function *callee; /* the first that was met; NULL if NEVER */
	bool is_inside;				 /* the callee is in the same file */
};

/* Which traced function starts at an address of this file; NULL if none. */
typedef const struct allocator_function *(*function_at)(void *context, uint64_t address);

struct delegate_reader {
	const struct elf_view *view;
	struct decoder *decoder;
	function_at find;
	void *context;
};

/*
 * Whether a function that delegates NEVER might still call a traced one of its sense in a second
 * step, through a function of the same file. Errs towards yes: the code that is read there may run
 * on into the next function.
 */
bool delegate__may_call_indirectly(const struct delegate_reader *reader,
	const struct allocator_function *function, uint64_t address, uint64_t size);

/*
 * Reads @function, whose @size bytes (0: unknown) start at @address. Code that cannot be followed
 * to the end counts as doing its own work.
 */
struct delegate delegate__read(const struct delegate_reader *reader,
	const struct allocator_function *function, uint64_t address, uint64_t size);

#endif
