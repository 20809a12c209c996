/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A preloaded library that counts every call into the C library's allocator, for programs that do
 * not count their own: the outermost definition of malloc and its kin, which pass on to the next.
 * Writes its truth to $TRUTH when the process ends. Sizes of live blocks are not kept: counts and
 * allocated bytes are what it knows; valloc and pvalloc it leaves alone.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "truth.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *address, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *address);

static struct truth truth;

static void *note_alloc(void *address, size_t size)
{
	if (!address) {
		__atomic_add_fetch(&truth.failed_count, 1, __ATOMIC_RELAXED);
		return address;
	}
	__atomic_add_fetch(&truth.alloc_count, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&truth.alloc_bytes, size, __ATOMIC_RELAXED);
	return address;
}

static void note_free(void)
{
	__atomic_add_fetch(&truth.free_count, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
	return note_alloc(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
	return note_alloc(__libc_calloc(count, size), count * size);
}

void *memalign(size_t alignment, size_t size)
{
	return note_alloc(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return note_alloc(__libc_memalign(alignment, size), size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *address;

	if (alignment < sizeof(void *) || alignment & (alignment - 1)) {
		__atomic_add_fetch(&truth.failed_count, 1, __ATOMIC_RELAXED);
		return EINVAL;
	}
	address = note_alloc(__libc_memalign(alignment, size), size);
	if (address)
		*out = address;
	return address ? 0 : ENOMEM;
}

void *realloc(void *old, size_t size)
{
	void *address = __libc_realloc(old, size);

	if (old && (address || size == 0))
		note_free();
	if (address || size > 0)
		note_alloc(address, size);
	return address;
}

void free(void *address)
{
	if (address)
		note_free();
	__libc_free(address);
}

/* Once: truth__write ends the program through _exit when it cannot write. */
__attribute__((destructor)) static void tell(void)
{
	static bool told;

	if (!told) {
		told = true;
		truth__write(&truth, false);
	}
}

/* Programs that leave without their destructors: these two are how. */
void _exit(int status)
{
	tell();
	for (;;)
		syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
	_exit(status);
}
