/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The live blocks of one address space: address → block, open addressing with linear probing.
 *
 * Made for one event per 50 ns with millions of blocks: a block is half a cache line, so a look-up
 * costs one cache miss; deletion shifts back and leaves no tombstones; tables of megabytes ask for
 * huge pages. Address 0 marks an empty slot: no allocation has it.
 *
 * A table of ten million blocks takes most of a second to move when it grows, too long for a ring
 * buffer that fills meanwhile. So every insertion moves a few slots of the old table until it is
 * empty. A slot's index is the top bits of its address's hash, so that the move is a sweep over
 * both tables, and whether an address may still be in the old one is told by its home there.
 */
#ifndef MEMTRACE_HEAP_LIVE_SET_H
#define MEMTRACE_HEAP_LIVE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
	uint64_t address;
	uint64_t size;	  /* bytes requested */
	uint64_t time_ns; /* when it was allocated */
	uint32_t site;	  /* site id; BLOCK_INHERITED is or-ed in */
	uint32_t thread;  /* index of the allocating thread's totals */
};

/* A copy that the process got by fork: not allocated by a call of its own. */
#define BLOCK_INHERITED 0x80000000u

static inline uint32_t block_site(const struct block *block)
{
	return block->site & ~BLOCK_INHERITED;
}

struct block_table {
	struct block *slots; /* NULL: no table */
	size_t capacity;     /* a power of two */
	size_t size;	     /* blocks in it */
	unsigned int shift;  /* 64 - log2(capacity) */
};

struct live_set {
	struct block_table table; /* where new blocks go */
	struct block_table old;	  /* being emptied into `table` */
	size_t old_start;	  /* a slot of `old` that was empty when the move began */
	size_t old_moved;	  /* slots from there on that are empty by now, circularly */
};

/* The slot where a probe for @address starts. */
static inline size_t block_table__home(const struct block_table *table, uint64_t address)
{
	uint64_t x = address * 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 32)) * 0xbf58476d1ce4e5b9ull;
	return x >> table->shift;
}

static inline void block_table__prefetch(const struct block_table *table, uint64_t address)
{
	const struct block *slot;

	if (!table->slots)
		return;
	slot = &table->slots[block_table__home(table, address)];
	__builtin_prefetch(slot, 1);
	/* GCC takes a function that only prefetches for one without effects and empties it. */
	__asm__ volatile("" : : "r"(slot));
}

static inline void live_set__prefetch(const struct live_set *set, uint64_t address)
{
	block_table__prefetch(&set->table, address);
	block_table__prefetch(&set->old, address);
}

static inline size_t live_set__size(const struct live_set *set)
{
	return set->table.size + set->old.size;
}

/* The block at @address or NULL. Pointers are valid until the next insertion or removal. */
struct block *live_set__find(struct live_set *set, uint64_t address);

/*
 * The slot of @address (not 0): a block that is there already (*@existed), or a zeroed one with
 * the address set. NULL: no memory.
 */
struct block *live_set__insert(struct live_set *set, uint64_t address, bool *existed);

/* Takes the block out into *@old (not NULL); false if there is none. */
bool live_set__remove(struct live_set *set, uint64_t address, struct block *old);

/*
 * Makes @copy (to be freed by the caller) hold the blocks of @set that @wanted (NULL: all) says yes
 * to; it says the same when it is asked again. 0 or -ENOMEM.
 */
typedef bool live_set_wanted_fn(const struct block *block);
int live_set__copy(struct live_set *copy, const struct live_set *set, live_set_wanted_fn *wanted);

void live_set__free(struct live_set *set);

/* The first block (@block NULL) or the one after @block, in no order; NULL at the end. */
struct block *live_set__next(const struct live_set *set, const struct block *block);

#define live_set_for_each(block, set)                                  \
	for (struct block *block = live_set__next((set), NULL); block; \
		block = live_set__next((set), block))

#endif
