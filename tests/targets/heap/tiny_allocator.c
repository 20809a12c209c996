/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A small allocator under the prefix je_: a bump allocator with a header before each block and free
 * lists by power of two. Stands for allocators that programs carry under names of their own.
 * With -DEARLY_USE the library uses itself in a constructor, and says so in je_early_count.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define EXPORT __attribute__((visibility("default"), noinline))

struct header {
	size_t size;
	struct header *next;
};

static char *arena;
static size_t used;
static struct header *free_lists[64];

EXPORT void *je_malloc(size_t size);
EXPORT void je_free(void *address);
EXPORT void *je_calloc(size_t count, size_t size);
EXPORT void *je_realloc(void *address, size_t size);

static int bucket_of(size_t size)
{
	int bucket = 4;

	while (((size_t)1 << bucket) < size)
		bucket++;
	return bucket;
}

static void *take(size_t size)
{
	int bucket = bucket_of(size);
	struct header *h = free_lists[bucket];
	size_t whole = sizeof(*h) + ((size_t)1 << bucket);

	if (h) {
		free_lists[bucket] = h->next;
	} else {
		if (!arena)
			arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (arena == MAP_FAILED || whole > ARENA_BYTES - used)
			return NULL;
		h = (struct header *)(arena + used);
		used += whole;
	}
	h->size = size;
	return h + 1;
}

EXPORT void *je_malloc(size_t size)
{
	return size > ARENA_BYTES ? NULL : take(size);
}

EXPORT void je_free(void *address)
{
	struct header *h = (struct header *)address - 1;
	int bucket;

	if (!address)
		return;
	bucket = bucket_of(h->size);
	h->next = free_lists[bucket];
	free_lists[bucket] = h;
}

EXPORT void *je_calloc(size_t count, size_t size)
{
	void *p = je_malloc(count * size);

	return p ? memset(p, 0, count * size) : NULL;
}

EXPORT void *je_realloc(void *address, size_t size)
{
	void *p = je_malloc(size);

	if (p && address) {
		size_t old = ((struct header *)address - 1)->size;

		memcpy(p, address, old < size ? old : size);
		je_free(address);
	}
	return p;
}

#ifdef EARLY_USE
__attribute__((visibility("default"))) unsigned long je_early_count;

__attribute__((constructor)) static void use_early(void)
{
	for (int i = 0; i < 5; i++)
		je_early_count += je_malloc(100 + i) != NULL;
}
#endif
