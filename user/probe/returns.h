/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The `ret` instructions through which a call of a function can end. A function that may throw, or
 * give way to another stack, is probed there, not by a return probe: those replace the return
 * address on the stack; an exception that meets such a frame ends the program, and so does the
 * kernel when two stacks return in another order than that of one stack.
 *
 * All returns are taken: those of the function and, as its caller's frame is theirs, of every
 * function that it jumps to instead of returning, and so on. The BPF program tells by the stack
 * pointer which of them belongs to the call in question. What a function is, the unwind tables say
 * (.eh_frame; code that exceptions pass has an entry there), or else the symbol's size: all
 * instructions are read, so that switches and landing pads count too.
 */
#ifndef MEMTRACE_PROBE_RETURNS_H
#define MEMTRACE_PROBE_RETURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "probe/elf_view.h"
#include "probe/insn.h"

/* The functions of one file. */
struct returns_finder;

/*
 * Reads the unwind tables of the file open at @fd, of which @view is; all three must outlive the
 * finder. A file without such tables gives a finder that finds nothing. NULL: no memory.
 */
struct returns_finder *returns__open(int fd, const struct elf_view *view, struct decoder *decoder);
void returns__close(struct returns_finder *finder);

/* Where a call can end. */
struct return_place {
	uint64_t address; /* as the file counts them */
	/*
	 * Not a `ret` but a jump to a function that returns its first argument, as memset does at
	 * the end of calloc: what will be returned is there.
	 */
	bool returns_argument;
};

typedef VEC(struct return_place) return_places;

/* Why the returns of a function are not known; for people. */
struct returns_problem {
	char text[96];
};

/*
 * Appends to @out the returns of the function at @address; @size: bytes of code by its symbol, 0:
 * it does not say. 0, with @problem set if some jump leads out of the file or to where only a
 * register or pointer knows (a switch perhaps), and empty otherwise; -ENOTSUP with @problem set if
 * the code cannot be read to its end or has too many returns to probe; or -ENOMEM.
 */
int returns__find(struct returns_finder *finder, uint64_t address, uint64_t size,
	return_places *out, struct returns_problem *problem);

#endif
