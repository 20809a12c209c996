/*
 * Finds the code that a signal handler returns to in files that do not describe it (musl's
 * __restore_rt, Go's): it is known by its bytes, as the kernel asks for just that system call.
 */
#ifndef MEMTRACE_UNWIND_SIGNAL_SCAN_H
#define MEMTRACE_UNWIND_SIGNAL_SCAN_H

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
int signal_scan__find(
	const struct elf_image *image, uint64_t start, uint64_t end, signal_return_vec *found);

#endif
