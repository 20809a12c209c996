/*
 * The live blocks of one address space: address → block, open addressing with linear probing.
 *
 * Made for one event per 50 ns with millions of blocks: a block is half a cache line, so a look-up
 * costs one cache miss; a slot's index is the top bits of its address's hash, so that growing is a
 * sequential sweep over both tables; deletion shifts back and leaves no tombstones; tables of
 * megabytes ask for huge pages. Address 0 marks an empty slot: no allocation has it.
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

struct live_set {
	struct block *slots; /* NULL until the first insertion */
	size_t size;
	size_t capacity;    /* a power of two */
	unsigned int shift; /* 64 - log2(capacity) */
};

/* The slot where a probe for @address starts. */
static inline size_t live_set__home(const struct live_set *set, uint64_t address)
{
	uint64_t x = address * 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 32)) * 0xbf58476d1ce4e5b9ull;
	return x >> set->shift;
}

static inline void live_set__prefetch(const struct live_set *set, uint64_t address)
{
	if (set->slots)
		__builtin_prefetch(&set->slots[live_set__home(set, address)], 1);
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

/* Makes @copy (to be freed by the caller) hold what @set holds. 0 or -ENOMEM. */
int live_set__copy(struct live_set *copy, const struct live_set *set);

/* Gives back memory that a table much larger than its content holds; keeps it if that fails. */
void live_set__shrink(struct live_set *set);

void live_set__free(struct live_set *set);

#define live_set_for_each(block, set)                                                             \
	for (struct block *block = (set)->slots; block && block < (set)->slots + (set)->capacity; \
		block++)                                                                          \
		if (block->address)

#endif
