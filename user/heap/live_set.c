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
 * Slots of the old table that an insertion empties. The new table takes half as many insertions as
 * the old one had blocks, 3/8 of its slots: more than an eighth is enough to be done by then.
 */
#define MOVED_PER_INSERTION 8

/* How far before the first block the times of a set begin: records come almost in order.
 */
#define BASE_MARGIN_NS (1ull << 40)

/* --- packing */

static uint64_t address_of(const struct packed_block *slot)
{
	return slot->address & BLOCK_ADDRESS_MASK;
}

static bool is_at(const struct packed_block *slot, uint64_t address)
{
	return !((slot->address ^ address) & BLOCK_ADDRESS_MASK);
}

/* All but the size, which may have to go elsewhere. */
static struct packed_block pack(const struct live_set *set, const struct block *block)
{
	uint64_t time = block->time_ns > set->base_ns ? block->time_ns - set->base_ns : 0;

	if (time > BLOCK_TIME_MASK)
		time = BLOCK_TIME_MASK;
	return (struct packed_block){
		.address = (block->address & BLOCK_ADDRESS_MASK) | (uint64_t)block->thread
									   << BLOCK_ADDRESS_BITS,
		.time = time | (uint64_t)(block->thread >> (64 - BLOCK_ADDRESS_BITS))
				       << BLOCK_TIME_BITS,
		.site = block->site,
		.size = block->size < UINT32_MAX ? block->size : UINT32_MAX,
	};
}

static struct block unpack(const struct live_set *set, const struct packed_block *slot)
{
	struct block block = {
		.address = address_of(slot),
		.size = slot->size,
		.time_ns = set->base_ns + (slot->time & BLOCK_TIME_MASK),
		.site = slot->site,
		.thread = slot->address >> BLOCK_ADDRESS_BITS |
			  slot->time >> BLOCK_TIME_BITS << (64 - BLOCK_ADDRESS_BITS),
	};
	const uint64_t *large;

	if (slot->size == UINT32_MAX) {
		large = large_map__find((struct large_map *)&set->large, block.address);
		if (large)
			block.size = *large;
	}
	return block;
}

/* --- one table */

static size_t table_bytes(size_t capacity)
{
	return capacity * sizeof(struct packed_block);
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
	*table = (struct block_table){.slots = memory, .capacity = capacity};
	return 0;
}

static void free_table(struct block_table *table)
{
	if (table->slots)
		munmap(table->slots, table_bytes(table->capacity));
	*table = (struct block_table){0};
}

/* How far slot @to is behind @from, circularly. */
static size_t distance(const struct block_table *table, size_t from, size_t to)
{
	return to >= from ? to - from : to + table->capacity - from;
}

/* The slot that holds @address, or the empty one where it would go. */
static struct packed_block *probe(const struct block_table *table, uint64_t address)
{
	size_t i = block_table__home(table, address);

	while (address_of(&table->slots[i]) && !is_at(&table->slots[i], address))
		i = i + 1 == table->capacity ? 0 : i + 1;
	return &table->slots[i];
}

/* Empties @slot, and moves back every block that a probe could no longer reach over the hole. */
static void remove_slot(struct block_table *table, struct packed_block *slot)
{
	size_t hole = slot - table->slots, i = hole;

	for (;;) {
		i = i + 1 == table->capacity ? 0 : i + 1;
		if (!address_of(&table->slots[i]))
			break;
		if (distance(table, block_table__home(table, address_of(&table->slots[i])), i) <
			distance(table, hole, i))
			continue;
		table->slots[hole] = table->slots[i];
		hole = i;
	}
	memset(&table->slots[hole], 0, sizeof(table->slots[hole]));
	table->size--;
}

/* --- the move from an old table to a larger one */

/* Gives the pages of [@from, @to) of the old table back, those that lie in it wholly. */
static void release_slots(const struct block_table *old, size_t from, size_t to)
{
	uintptr_t start = (uintptr_t)&old->slots[from], end = (uintptr_t)&old->slots[to];

	start = (start + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1);
	end &= ~(uintptr_t)(HUGE_BYTES - 1);
	if (start < end)
		madvise((void *)start, end - start, MADV_DONTNEED);
}

/* Some huge pages at a time, so that two of them that lie in it wholly make up for the call. */
static void release_some(struct live_set *set)
{
	const struct block_table *old = &set->old;
	size_t from = set->old_start + set->old_released, to = set->old_start + set->old_moved;

	if (table_bytes(set->old_moved - set->old_released) < 4 * HUGE_BYTES)
		return;
	if (from >= old->capacity) {
		from -= old->capacity;
		to -= old->capacity;
	}
	if (to > old->capacity)
		to = old->capacity;
	release_slots(old, from, to);
	set->old_released += to - from;
}

/*
 * Empties some slots of the old table, and then on to the end of a run of blocks: so every block
 * whose home lies in the emptied part has been moved, and all others are where probes find them.
 */
static void move_some(struct live_set *set)
{
	struct block_table *old = &set->old;
	size_t budget = MOVED_PER_INSERTION, i;
	struct packed_block *slot;

	for (; old->size; set->old_moved++) {
		i = set->old_start + set->old_moved;
		slot = &old->slots[i < old->capacity ? i : i - old->capacity];
		if (!address_of(slot)) {
			if (!budget) {
				release_some(set);
				return;
			}
			budget--;
			continue;
		}
		*probe(&set->table, address_of(slot)) = *slot;
		memset(slot, 0, sizeof(*slot));
		set->table.size++;
		old->size--;
		budget -= budget > 0;
	}
	free_table(old);
}

static void finish_move(struct live_set *set)
{
	while (set->old.slots)
		move_some(set);
}

static int start_move(struct live_set *set)
{
	struct block_table larger;
	size_t capacity = set->table.capacity ? set->table.capacity / 2 * 3 : MIN_CAPACITY;
	int err;

	finish_move(set); /* done long ago, unless memory was short */
	err = allocate_table(&larger, capacity);
	if (err)
		return err;
	set->old = set->table;
	set->table = larger;
	set->old_start = set->old_moved = set->old_released = 0;
	if (!set->old.slots)
		return 0;
	while (address_of(&set->old.slots[set->old_start]))
		set->old_start++;
	return 0;
}

/* --- the set */

static bool is_full(size_t size, size_t capacity)
{
	return (size + 1) * 4 > capacity * 3;
}

static struct block_table *table_of(struct live_set *set, uint64_t address)
{
	return (struct block_table *)live_set__table(set, address);
}

/* The slot that holds @address, or NULL; *@table is the one that it is in. */
static struct packed_block *find_slot(
	const struct live_set *set, uint64_t address, const struct block_table **table)
{
	struct packed_block *slot;

	*table = live_set__table(set, address);
	slot = (*table)->size ? probe(*table, address) : NULL;
	return slot && address_of(slot) ? slot : NULL;
}

bool live_set__find(const struct live_set *set, uint64_t address, struct block *block)
{
	const struct block_table *table;
	const struct packed_block *slot = find_slot(set, address, &table);

	if (slot && block)
		*block = unpack(set, slot);
	return slot != NULL;
}

/* Makes room for one more. Without memory a fuller table is slower, but one slot must stay empty.
 */
static int make_room(struct live_set *set)
{
	size_t size = live_set__size(set);

	if (is_full(size, set->table.capacity) && start_move(set) &&
		size + 1 >= set->table.capacity)
		return -ENOMEM;
	if (set->old.slots)
		move_some(set);
	return 0;
}

int live_set__put(struct live_set *set, const struct block *block, struct block *before)
{
	uint64_t address = block->address & BLOCK_ADDRESS_MASK, *large = NULL;
	struct block_table *table;
	struct packed_block *slot;
	bool existed;

	if (!set->table.slots)
		set->base_ns =
			block->time_ns > BASE_MARGIN_NS ? block->time_ns - BASE_MARGIN_NS : 0;
	if (!address || make_room(set))
		return -ENOMEM;
	table = table_of(set, address);
	slot = probe(table, address);
	existed = address_of(slot) != 0;
	if (existed)
		*before = unpack(set, slot);
	if (block->size >= UINT32_MAX) {
		large = large_map__insert(&set->large, address);
		if (!large)
			return -ENOMEM;
		*large = block->size;
	} else if (existed && slot->size == UINT32_MAX) {
		large_map__remove(&set->large, address, NULL);
	}
	*slot = pack(set, block);
	table->size += !existed;
	return existed;
}

bool live_set__remove(struct live_set *set, uint64_t address, struct block *old)
{
	const struct block_table *table;
	struct packed_block *slot = find_slot(set, address, &table);

	if (!slot)
		return false;
	*old = unpack(set, slot);
	if (slot->size == UINT32_MAX)
		large_map__remove(&set->large, old->address, NULL);
	remove_slot((struct block_table *)table, slot);
	return true;
}

static size_t count_wanted(const struct live_set *set, live_set_wanted_fn *wanted)
{
	size_t count = 0;

	if (!wanted)
		return live_set__size(set);
	live_set_for_each(at, set) count += wanted(&at.block);
	return count;
}

static int copy_block(struct live_set *copy, const struct block *block)
{
	uint64_t *large;

	if (block->size >= UINT32_MAX) {
		large = large_map__insert(&copy->large, block->address);
		if (!large)
			return -ENOMEM;
		*large = block->size;
	}
	*probe(&copy->table, block->address) = pack(copy, block);
	return 0;
}

/*
 * The table is made for all of them at once: the blocks come in the order of their hashes, and one
 * that grew with them would be full at its front and empty behind, with endless probes.
 */
int live_set__copy(struct live_set *copy, const struct live_set *set, live_set_wanted_fn *wanted,
	uint32_t site_bits)
{
	size_t size = count_wanted(set, wanted), capacity = size * 3 / 2;
	int err;

	*copy = (struct live_set){.base_ns = set->base_ns};
	if (!size)
		return 0;
	err = allocate_table(&copy->table, capacity < MIN_CAPACITY ? MIN_CAPACITY : capacity);
	if (err)
		return err;
	live_set_for_each(at, set)
	{
		if (wanted && !wanted(&at.block))
			continue;
		at.block.site |= site_bits;
		err = copy_block(copy, &at.block);
		if (err) {
			live_set__free(copy);
			return err;
		}
	}
	copy->table.size = size;
	return 0;
}

void live_set__free(struct live_set *set)
{
	free_table(&set->table);
	free_table(&set->old);
	large_map__free(&set->large);
}

bool live_set__next(const struct live_set *set, struct block_cursor *cursor)
{
	size_t capacity = set->table.capacity;

	for (; cursor->next < capacity + set->old.capacity; cursor->next++) {
		const struct packed_block *slot =
			cursor->next < capacity ? &set->table.slots[cursor->next]
						: &set->old.slots[cursor->next - capacity];

		if (!address_of(slot))
			continue;
		cursor->block = unpack(set, slot);
		cursor->next++;
		return true;
	}
	return false;
}
