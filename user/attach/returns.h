/*
 * The `ret` instructions through which a call of a function can end. A function that may throw is
 * probed there, not by a return probe: those replace the return address on the stack, and an
 * exception that meets such a frame ends the program.
 *
 * All returns are taken of the function and, as its caller's frame is theirs, of every function
 * that it jumps to instead of returning, and so on. Which of them belongs to the call in question
 * the BPF program tells by the stack pointer. What a function is, the unwind tables say (.eh_frame;
 * code that exceptions pass has an entry there): all instructions of an entry are read, so that
 * switches and landing pads count too.
 */
#ifndef MEMTRACE_ATTACH_RETURNS_H
#define MEMTRACE_ATTACH_RETURNS_H

#include <stdint.h>

#include "attach/elf_view.h"
#include "attach/insn.h"
#include "base/vec.h"

/* The functions of one file. */
struct returns_finder;

/*
 * Reads the unwind tables of the file open at @fd, of which @view is; all three must outlive the
 * finder. A file without such tables gives a finder that finds nothing. NULL: no memory.
 */
struct returns_finder *returns__open(int fd, const struct elf_view *view, struct decoder *decoder);
void returns__close(struct returns_finder *finder);

typedef VEC(uint64_t) return_instructions;

/* Why the returns of a function are not known; for people. */
struct returns_problem {
	char text[96];
};

/*
 * Appends to @out the addresses (as the file counts them) of the returns of the function at
 * @address. 0; -ENOTSUP with @problem set if they may not be all: a jump leads out of the file or
 * to where only a register knows, or there are too many to probe; or -ENOMEM.
 */
int returns__find(struct returns_finder *finder, uint64_t address, return_instructions *out,
	struct returns_problem *problem);

#endif
