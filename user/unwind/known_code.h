/*
 * Code that files leave undescribed and that is known by its bytes: what a signal handler returns
 * to (musl's __restore_rt, Go's), as the kernel asks for just that system call, and the entry point
 * of the loader and of C programs, where stacks begin.
 */
#ifndef MEMTRACE_UNWIND_KNOWN_CODE_H
#define MEMTRACE_UNWIND_KNOWN_CODE_H

#include "base/vec.h"
#include "unwind/elf_image.h"

struct signal_return {
	uint64_t start; /* vaddr */
	uint64_t end;
};

typedef VEC(struct signal_return) signal_return_vec;

/*
 * Appends what is found in [start, end) of the image's text, in ascending order. 0, -ENOMEM, or as
 * elf_image__read. Nothing on machines other than x86-64 (on arm64 the vDSO has it, described).
 */
int known_code__find_signal_returns(
	const struct elf_image *image, uint64_t start, uint64_t end, signal_return_vec *found);

/*
 * Whether the code at image->entry is that of a stack's outermost frame, which nothing has called:
 * the loader's or a C program's _start. Not so where old linkers gave a library a meaningless entry
 * point.
 */
bool known_code__is_start(const struct elf_image *image);

/* How far such code reaches at the most, bytes; glibc 2.36's _start and _dl_start_user: 88. */
#define KNOWN_CODE_START_SIZE 96

#endif
