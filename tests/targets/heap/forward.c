/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A preloaded library that passes malloc and its kin on through pointers from dlsym, as libraries
 * that count or check allocations do. It is the outermost call; the real one inside is nested.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* What dlsym itself asks for before the pointers are known; given out once, never taken back. */
#define EARLY_BYTES 4096

static union {
	char bytes[EARLY_BYTES];
	max_align_t align;
} early;
static size_t early_used;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);

static void *give_early(size_t size)
{
	size_t rounded = (size + sizeof(max_align_t) - 1) & -sizeof(max_align_t);

	if (rounded > EARLY_BYTES - early_used)
		return NULL;
	early_used += rounded;
	return early.bytes + early_used - rounded;
}

static int is_early(const void *address)
{
	return (const char *)address >= early.bytes &&
	       (const char *)address < early.bytes + EARLY_BYTES;
}

__attribute__((constructor)) static void find_real(void)
{
	real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
}

void *malloc(size_t size)
{
	return real_malloc ? real_malloc(size) : give_early(size);
}

void *calloc(size_t count, size_t size)
{
	return real_calloc ? real_calloc(count, size) : give_early(count * size);
}

void *realloc(void *old, size_t size)
{
	return real_realloc(old, size);
}

void free(void *address)
{
	if (address && !is_early(address))
		real_free(address);
}
