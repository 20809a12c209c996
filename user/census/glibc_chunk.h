/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Whether single blocks of glibc's malloc are in use, from what lies around them: no walk over the
 * heap. Source: malloc.c of 2.31 to 2.42 (malloc_chunk, request2size, tcache_entry).
 *
 * A block is free when the chunk behind it says so (PREV_INUSE clear), or when it is in a thread's
 * cache: then its second word is the cache's key, which malloc clears when it gives the block out.
 * Since 2.34 the key is a random number of the process; before it is the address of the cache. It
 * is learned from a block that is the last in its cache's list, whose first word is its own address
 * shifted by 12 (safe-linking), or 0 before 2.32. Blocks in fastbins look as if in use: those are
 * of small sizes and come when a cache is full.
 */
#ifndef MEMTRACE_CENSUS_GLIBC_CHUNK_H
#define MEMTRACE_CENSUS_GLIBC_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words from the chunk's header on: prev_size, size, and the block's first two. */
#define CHUNK_WORDS 4

struct chunk_view {
	uint64_t address;   /* of the block */
	uint64_t requested; /* bytes that were asked for when it was allocated */
	uint64_t words[CHUNK_WORDS];
	uint64_t next_head; /* of the chunk behind it */
	bool is_readable;   /* words could be read */
	bool has_next;	    /* next_head, too */
};

enum chunk_state {
	CHUNK_STRANGE, /* no chunk that could have held the block: none of glibc's, or no longer */
	CHUNK_FREED,
	CHUNK_IN_USE,
};

/* Threads have a key each before 2.34; those of the first so many threads are known. */
#define CHUNK_MAX_KEYS 64

struct chunk_keys {
	uint64_t keys[CHUNK_MAX_KEYS];
	size_t count;
};

/* Where the chunk behind begins, as the words say; 0: they are no header for such a block. */
uint64_t chunk__next(const struct chunk_view *chunk);

/*
 * A number that may be the key of the cache that @chunk is in, or 0. One that is an address
 * (*@is_address) is a key if a chunk that holds a cache is there (chunk__holds_cache).
 */
uint64_t chunk__possible_key(const struct chunk_view *chunk, bool *is_address);
/* Whether @head, at 8 bytes before an address, is that of a cache's chunk. */
bool chunk__holds_cache(uint64_t head);
/* Keeps a key; one too many is not kept. */
void chunk_keys__add(struct chunk_keys *keys, uint64_t key);

enum chunk_state chunk__state(const struct chunk_view *chunk, const struct chunk_keys *keys);

#endif
