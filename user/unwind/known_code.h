/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Code that files leave undescribed, or describe wrongly, and that is known by its bytes: what a
 * signal handler returns to (musl's __restore_rt, Go's, arm64's vDSO), as the kernel asks for just
 * that system call, and the places where stacks begin: the entry point of the loader and of C
 * programs, musl's callers of main and of a thread's function, and what a context of makecontext(3)
 * and a fiber of Boost.Context or bthread return to.
 */
#ifndef MEMTRACE_UNWIND_KNOWN_CODE_H
#define MEMTRACE_UNWIND_KNOWN_CODE_H

#include "base/vec.h"
#include "unwind/elf_image.h"

struct known_range {
	uint64_t start; /* vaddr: an address that is returned to */
	uint64_t end;
	uint32_t rule; /* UNWIND_SIGNAL or UNWIND_END */
};

/* Go programs describe nothing, and the largest have some 100 MB; a hostile file may be sparse. */
#define KNOWN_CODE_MAX_SCAN (256ull << 20)

typedef VEC(struct known_range) known_range_vec;

/* What tells where a C library without frame information calls main and threads' functions. */
struct known_symbols {
	bool are_read;	  /* from the image's file, when they are first needed */
	uint64_t scanned; /* bytes so far */
	uint64_t exit;	  /* vaddrs; 0: not defined there */
	uint64_t libc_start_main;
	uint64_t pthread_exit;
};

/* Fills @symbols; done where they are needed. */
void known_code__read_symbols(const struct elf_image *image, struct known_symbols *symbols);

/*
 * Appends what is found in [start, end) of the image's text, in ascending order. @symbols are the
 * image's, zeroed at first. 0, -ENOMEM, or -EBADMSG where it is not in the file. On arm64 only
 * signal returns are looked for; nothing is beyond the first KNOWN_CODE_MAX_SCAN bytes.
 */
int known_code__find(const struct elf_image *image, struct known_symbols *symbols, uint64_t start,
	uint64_t end, known_range_vec *found);

/*
 * Whether the code at image->entry is that of a stack's outermost frame, which nothing has called:
 * the loader's or a C program's _start. Not so where old linkers gave a library a meaningless entry
 * point.
 */
bool known_code__is_start(const struct elf_image *image);

/* How far such code reaches at the most, bytes; glibc 2.36's _start and _dl_start_user: 88. */
#define KNOWN_CODE_START_SIZE 96

/*
 * Whether the function [start, end) is glibc's __start_context: makecontext(3) puts its address on
 * the new stack, as if it had called the context's function. Its frame information does not say
 * that nothing is above it.
 */
bool known_code__is_context_start(const struct elf_image *image, uint64_t start, uint64_t end);

#endif
