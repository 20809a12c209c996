/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where Go's runtime calls C (x86-64): on another stack, or on its own after aligning it, which its
 * frame information does not say. The code is recognized by what it does after the call, the same
 * in Go 1.9 to 1.24; a program without symbols has it as well.
 */
#ifndef MEMTRACE_UNWIND_GO_CODE_H
#define MEMTRACE_UNWIND_GO_CODE_H

#include "base/vec.h"
#include "unwind/elf_image.h"

enum go_call {
	GO_CALL_SWITCHED, /* asmcgocall: from a goroutine's stack to the thread's */
	GO_CALL_SAVED,	  /* asmcgocall on the thread's stack: the old sp is at sp + 40 */
	GO_CALL_ALIGNED,  /* callCgoMmap: the old sp is at sp */
	GO_CALL_LOST,	  /* systemstack: where it came from is in no place that a walk can reach */
};

struct go_call_site {
	uint64_t start; /* vaddr of the call */
	uint64_t end;	/* where it returns to */
	enum go_call kind;
};

typedef VEC(struct go_call_site) go_call_vec;

/* Appends those of the image, in ascending order; none if it is not a Go program. 0 or -ENOMEM. */
int go_code__find(const struct elf_image *image, go_call_vec *found);

#endif
