/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The live blocks of one address space: address → block, open addressing with linear probing.
 *
 * Made for one event per 50 ns with millions of blocks: a block takes 24 bytes, so a look-up costs
 * one cache miss or two; deletion shifts back and leaves no tombstones; tables of megabytes ask for
 * huge pages. Tables are at most three quarters full and grow by half: 32 to 48 bytes for a block.
 *
 * A table of ten million blocks takes most of a second to move when it grows, too long for a ring
 * buffer that fills meanwhile. So every insertion moves a few slots of the old table until it is
 * empty. A slot's index is by the top bits of its address's hash, so that the move is a sweep over
 * both tables: an address's home in the old one decides which of them it belongs to, and what has
 * been swept there is given back to the kernel.
 */
#ifndef MEMTRACE_HEAP_LIVE_SET_H
#define MEMTRACE_HEAP_LIVE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct block {
	uint64_t address; /* its low 56 bits: an arm64 tag above is not part of it. 0: no block */
	uint64_t size;	  /* bytes requested */
	uint64_t time_ns; /* when it was allocated */
	uint32_t site;	  /* site id; BLOCK_INHERITED is or-ed in */
	uint32_t thread;  /* index of the allocating thread's totals, at most BLOCK_MAX_THREAD */
};

/* A copy that the process got by fork: not allocated by a call of its own. */
#define BLOCK_INHERITED 0x80000000u

static inline uint32_t block_site(const struct block *block)
{
	return block->site & ~BLOCK_INHERITED;
}

#define BLOCK_ADDRESS_BITS 56
#define BLOCK_ADDRESS_MASK ((1ull << BLOCK_ADDRESS_BITS) - 1)
/* Of nanoseconds since the set's base: 417 days; later blocks count as that old. */
#define BLOCK_TIME_BITS 55
#define BLOCK_TIME_MASK ((1ull << BLOCK_TIME_BITS) - 1)
#define BLOCK_MAX_THREAD ((1u << (128 - BLOCK_ADDRESS_BITS - BLOCK_TIME_BITS)) - 1)

/* A block as it lies in a table; the index of its thread is above its address and its time. */
struct packed_block {
	uint64_t address; /* its bits 0: an empty slot */
	uint64_t time;
	uint32_t site;
	uint32_t size; /* UINT32_MAX: in live_set.large */
};
_Static_assert(sizeof(struct packed_block) == 24, "");

struct block_table {
	struct packed_block *slots; /* NULL: no table */
	size_t capacity;
	size_t size; /* blocks in it */
};

DEFINE_HASH_NUMBER(large_map, uint64_t, uint64_t); /* address → size */

struct live_set {
	struct block_table table;
	struct block_table old; /* being emptied into `table` */
	size_t old_start;	/* a slot of `old` that was empty when the move began */
	size_t old_moved;	/* slots from there on that are empty by now, circularly */
	size_t old_released;	/* of those, given back to the kernel */
	uint64_t base_ns;	/* of all times */
	struct large_map large;
};

/* The slot where a probe for @address starts: the larger the hash, the further behind. */
static inline size_t block_table__home(const struct block_table *table, uint64_t address)
{
	uint64_t x = (address & BLOCK_ADDRESS_MASK) * 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 32)) * 0xbf58476d1ce4e5b9ull;
	return (unsigned __int128)x * table->capacity >> 64;
}

/* The table in which @address is, or goes. */
static inline const struct block_table *live_set__table(
	const struct live_set *set, uint64_t address)
{
	size_t home;

	if (!set->old.slots)
		return &set->table;
	home = block_table__home(&set->old, address);
	home = home >= set->old_start ? home - set->old_start
				      : home + set->old.capacity - set->old_start;
	return home < set->old_moved ? &set->table : &set->old;
}

static inline void live_set__prefetch(const struct live_set *set, uint64_t address)
{
	const struct block_table *table = live_set__table(set, address);
	const struct packed_block *slot;

	if (!table->slots)
		return;
	slot = &table->slots[block_table__home(table, address)];
	__builtin_prefetch(slot, 1);
	/* GCC takes a function that only prefetches for one without effects and empties it. */
	__asm__ volatile("" : : "r"(slot));
}

static inline size_t live_set__size(const struct live_set *set)
{
	return set->table.size + set->old.size;
}

/* The block at @address into *@block (NULL: not wanted); false if there is none. */
bool live_set__find(const struct live_set *set, uint64_t address, struct block *block);

/*
 * Puts in @block, whose address is not 0. Returns 0; 1 if another one was at its address, which
 * goes to *@before; or -ENOMEM.
 */
int live_set__put(struct live_set *set, const struct block *block, struct block *before);

/* Takes the block out into *@old (not NULL); false if there is none. */
bool live_set__remove(struct live_set *set, uint64_t address, struct block *old);

/*
 * Makes @copy (to be freed by the caller) hold the blocks of @set that @wanted (NULL: all) says yes
 * to; it says the same when it is asked again. @site_bits are or-ed into their sites. 0 or -ENOMEM.
 */
typedef bool live_set_wanted_fn(const struct block *block);
int live_set__copy(struct live_set *copy, const struct live_set *set, live_set_wanted_fn *wanted,
	uint32_t site_bits);

void live_set__free(struct live_set *set);

/* Goes over all blocks, in no order: starts as {0}. */
struct block_cursor {
	struct block block;
	size_t next; /* slot, of `table` and then of `old` */
};

/* Whether there was another one, which is in cursor->block then. */
bool live_set__next(const struct live_set *set, struct block_cursor *cursor);

#define live_set_for_each(cursor, set) \
	for (struct block_cursor cursor = {0}; live_set__next((set), &cursor);)

#endif
