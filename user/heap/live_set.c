#include "heap/live_set.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MIN_CAPACITY 64
/* From here on tables are mapped by themselves and ask for huge pages: fewer TLB misses. */
#define MAPPED_BYTES (2u << 20)

static size_t table_bytes(size_t capacity)
{
	return capacity * sizeof(struct block);
}

static int allocate_table(struct live_set *set, size_t capacity)
{
	size_t bytes = table_bytes(capacity);
	void *memory;

	/* The kernel gives zeroed memory; both paths get theirs lazily for large tables. */
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	if (bytes >= MAPPED_BYTES)
		madvise(memory, bytes, MADV_HUGEPAGE);
	*set = (struct live_set){
		.slots = memory,
		.capacity = capacity,
		.shift = 64 - __builtin_ctzll(capacity),
	};
	return 0;
}

void live_set__free(struct live_set *set)
{
	if (set->slots)
		munmap(set->slots, table_bytes(set->capacity));
	*set = (struct live_set){0};
}

/* The slot that holds @address, or the empty one where it would go. */
static size_t probe(const struct live_set *set, uint64_t address)
{
	size_t mask = set->capacity - 1;
	size_t i = live_set__home(set, address);

	while (set->slots[i].address && set->slots[i].address != address)
		i = (i + 1) & mask;
	return i;
}

/* Moves the blocks into a table of @capacity slots; they come in about the order of their homes. */
static int move_to_table(struct live_set *set, size_t capacity)
{
	struct live_set moved;
	int err = allocate_table(&moved, capacity);

	if (err)
		return err;
	live_set_for_each(block, set) moved.slots[probe(&moved, block->address)] = *block;
	moved.size = set->size;
	live_set__free(set);
	*set = moved;
	return 0;
}

static bool has_room(const struct live_set *set)
{
	/* At most 11/16 full: probes stay within two or three cache lines. */
	return (set->size + 1) * 16 <= set->capacity * 11;
}

struct block *live_set__find(struct live_set *set, uint64_t address)
{
	struct block *slot;

	if (!set->size)
		return NULL;
	slot = &set->slots[probe(set, address)];
	return slot->address ? slot : NULL;
}

struct block *live_set__insert(struct live_set *set, uint64_t address, bool *existed)
{
	struct block *slot;

	*existed = false;
	if (!has_room(set) &&
		move_to_table(set, set->capacity ? set->capacity * 2 : MIN_CAPACITY) &&
		set->size + 1 >= set->capacity)
		return NULL; /* a fuller table is slower, but one slot must stay empty */
	slot = &set->slots[probe(set, address)];
	if (slot->address) {
		*existed = true;
		return slot;
	}
	slot->address = address;
	set->size++;
	return slot;
}

/* Closes the hole at @hole by moving back every block that a probe could no longer reach. */
static void shift_back(struct live_set *set, size_t hole)
{
	size_t mask = set->capacity - 1;

	for (size_t i = (hole + 1) & mask; set->slots[i].address; i = (i + 1) & mask) {
		size_t home = live_set__home(set, set->slots[i].address);

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		set->slots[hole] = set->slots[i];
		hole = i;
	}
	memset(&set->slots[hole], 0, sizeof(set->slots[hole]));
}

bool live_set__remove(struct live_set *set, uint64_t address, struct block *old)
{
	size_t i;

	if (!set->size)
		return false;
	i = probe(set, address);
	if (!set->slots[i].address)
		return false;
	*old = set->slots[i];
	shift_back(set, i);
	set->size--;
	return true;
}

int live_set__copy(struct live_set *copy, const struct live_set *set)
{
	int err;

	*copy = (struct live_set){0};
	if (!set->size)
		return 0;
	err = allocate_table(copy, set->capacity);
	if (err)
		return err;
	memcpy(copy->slots, set->slots, table_bytes(set->capacity));
	copy->size = set->size;
	return 0;
}

void live_set__shrink(struct live_set *set)
{
	size_t capacity = MIN_CAPACITY;

	if (!set->size) {
		live_set__free(set);
		return;
	}
	while ((set->size + 1) * 16 > capacity * 11)
		capacity *= 2;
	if (capacity < set->capacity)
		move_to_table(set, capacity);
}
