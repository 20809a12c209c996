/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/live_set.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MIN_CAPACITY 64
/* Tables from here on ask for huge pages: fewer TLB misses. */
#define HUGE_BYTES (2u << 20)
/*
 * Slots of the old table that an insertion empties. The new table takes as many insertions again
 * as the old one had blocks, 11/16 of its slots: more than a quarter is enough to be done by then.
 */
#define MOVED_PER_INSERTION 8

/* --- one table */

static size_t table_bytes(size_t capacity)
{
	return capacity * sizeof(struct block);
}

static int allocate_table(struct block_table *table, size_t capacity)
{
	size_t bytes = table_bytes(capacity);
	/* Zeroed by the kernel, page by page as the table is used. */
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	if (bytes >= HUGE_BYTES)
		madvise(memory, bytes, MADV_HUGEPAGE);
	*table = (struct block_table){
		.slots = memory,
		.capacity = capacity,
		.shift = 64 - __builtin_ctzll(capacity),
	};
	return 0;
}

static void free_table(struct block_table *table)
{
	if (table->slots)
		munmap(table->slots, table_bytes(table->capacity));
	*table = (struct block_table){0};
}

/* The slot that holds @address, or the empty one where it would go. */
static struct block *probe(const struct block_table *table, uint64_t address)
{
	size_t mask = table->capacity - 1;
	size_t i = block_table__home(table, address);

	while (table->slots[i].address && table->slots[i].address != address)
		i = (i + 1) & mask;
	return &table->slots[i];
}

static struct block *find_in(const struct block_table *table, uint64_t address)
{
	struct block *slot = table->size ? probe(table, address) : NULL;

	return slot && slot->address ? slot : NULL;
}

/* Empties @slot, and moves back every block that a probe could no longer reach over the hole. */
static void remove_slot(struct block_table *table, struct block *slot)
{
	size_t mask = table->capacity - 1, hole = slot - table->slots;

	for (size_t i = (hole + 1) & mask; table->slots[i].address; i = (i + 1) & mask) {
		size_t home = block_table__home(table, table->slots[i].address);

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		table->slots[hole] = table->slots[i];
		hole = i;
	}
	memset(&table->slots[hole], 0, sizeof(table->slots[hole]));
	table->size--;
}

/* --- the move from an old table to one twice as large */

/*
 * Empties some slots of the old table, and then on to the end of a run of blocks: so every block
 * whose home lies in the emptied part has been moved, and all others are where probes find them.
 */
static void move_some(struct live_set *set)
{
	struct block_table *old = &set->old;
	size_t mask = old->capacity - 1, budget = MOVED_PER_INSERTION;
	struct block *slot;

	for (; old->size; set->old_moved++) {
		slot = &old->slots[(set->old_start + set->old_moved) & mask];
		if (!slot->address) {
			if (!budget)
				return;
			budget--;
			continue;
		}
		*probe(&set->table, slot->address) = *slot;
		slot->address = 0;
		set->table.size++;
		old->size--;
		budget -= budget > 0;
	}
	free_table(old);
}

/* The block may be in the old table still: its home there is not in the emptied part. */
static struct block *find_in_old(const struct live_set *set, uint64_t address)
{
	const struct block_table *old = &set->old;
	size_t home;

	if (!old->size)
		return NULL;
	home = block_table__home(old, address);
	if (((home - set->old_start) & (old->capacity - 1)) < set->old_moved)
		return NULL;
	return find_in(old, address);
}

static void finish_move(struct live_set *set)
{
	while (set->old.slots)
		move_some(set);
}

static int start_move(struct live_set *set)
{
	struct block_table larger;
	size_t capacity = set->table.capacity ? set->table.capacity * 2 : MIN_CAPACITY;
	int err;

	finish_move(set); /* done long ago, unless memory was short */
	err = allocate_table(&larger, capacity);
	if (err)
		return err;
	set->old = set->table;
	set->table = larger;
	set->old_start = set->old_moved = 0;
	if (!set->old.slots)
		return 0;
	while (set->old.slots[set->old_start].address)
		set->old_start++;
	return 0;
}

/* --- the set */

/* At most 11/16 full: probes stay within two or three cache lines. */
static bool has_room(const struct live_set *set)
{
	return (live_set__size(set) + 1) * 16 <= set->table.capacity * 11;
}

struct block *live_set__find(struct live_set *set, uint64_t address)
{
	struct block *slot = find_in_old(set, address);

	return slot ? slot : find_in(&set->table, address);
}

struct block *live_set__insert(struct live_set *set, uint64_t address, bool *existed)
{
	struct block *slot;

	*existed = false;
	/* Without memory a fuller table is slower, but one slot must stay empty. */
	if (!has_room(set) && start_move(set) && live_set__size(set) + 1 >= set->table.capacity)
		return NULL;
	if (set->old.slots)
		move_some(set);
	slot = find_in_old(set, address);
	if (!slot)
		slot = probe(&set->table, address);
	if (slot->address) {
		*existed = true;
		return slot;
	}
	slot->address = address;
	set->table.size++;
	return slot;
}

bool live_set__remove(struct live_set *set, uint64_t address, struct block *old)
{
	struct block_table *table = &set->old;
	struct block *slot = find_in_old(set, address);

	if (!slot) {
		table = &set->table;
		slot = find_in(table, address);
	}
	if (!slot)
		return false;
	*old = *slot;
	remove_slot(table, slot);
	return true;
}

static size_t count_wanted(const struct live_set *set, live_set_wanted_fn *wanted)
{
	size_t count = 0;

	if (!wanted)
		return live_set__size(set);
	live_set_for_each(block, set) count += wanted(block);
	return count;
}

/*
 * The table is made for all of them at once: the blocks come in the order of their hashes, and one
 * that grew with them would be full at its front and empty behind, with endless probes.
 */
int live_set__copy(struct live_set *copy, const struct live_set *set, live_set_wanted_fn *wanted)
{
	size_t capacity = MIN_CAPACITY, size = count_wanted(set, wanted);
	int err;

	*copy = (struct live_set){0};
	if (!size)
		return 0;
	while ((size + 1) * 16 > capacity * 11)
		capacity *= 2;
	err = allocate_table(&copy->table, capacity);
	if (err)
		return err;
	live_set_for_each(block, set)
	{
		if (!wanted || wanted(block))
			*probe(&copy->table, block->address) = *block;
	}
	copy->table.size = size;
	return 0;
}

void live_set__free(struct live_set *set)
{
	free_table(&set->table);
	free_table(&set->old);
}

static struct block *next_in(const struct block_table *table, size_t from)
{
	for (size_t i = from; i < table->capacity; i++)
		if (table->slots[i].address)
			return &table->slots[i];
	return NULL;
}

struct block *live_set__next(const struct live_set *set, const struct block *block)
{
	const struct block_table *table = &set->table, *old = &set->old;
	struct block *next;

	if (old->slots && block >= old->slots && block < old->slots + old->capacity)
		return next_in(old, block + 1 - old->slots);
	next = table->slots ? next_in(table, block ? block + 1 - table->slots : 0) : NULL;
	return next || !old->slots ? next : next_in(old, 0);
}
