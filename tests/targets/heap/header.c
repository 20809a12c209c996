/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A preloaded library that keeps each block's size in front of it, as libraries that sum up bytes
 * do: the pointers of the outer calls are not those of the C library's.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *address);

union header {
	size_t size;
	max_align_t align;
};

void *malloc(size_t size)
{
	union header *header = __libc_malloc(sizeof(*header) + size);

	if (!header)
		return NULL;
	header->size = size;
	return header + 1;
}

void free(void *address)
{
	if (address)
		__libc_free((union header *)address - 1);
}

void *calloc(size_t count, size_t size)
{
	void *address = malloc(count * size);

	return address ? memset(address, 0, count * size) : NULL;
}

void *realloc(void *old, size_t size)
{
	void *address = malloc(size);

	if (old && address) {
		size_t old_size = ((union header *)old)[-1].size;

		memcpy(address, old, old_size < size ? old_size : size);
		free(old);
	}
	return address;
}
