/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
// clang-format off
/*
 * Hash tables: open addressing with linear probing, at most 3/4 full, deletion by shifting back
 * (no tombstones, so a table that lives through millions of insertions and removals stays fast).
 *
 *	DEFINE_HASH_NUMBER(address_map, uint64_t, struct block);
 *
 * for keys that are numbers (DEFINE_HASH_PAIR: two numbers); for others, with functions that hash and compare them:
 *
 *	static inline uint64_t key_hash(struct key key) { return hash_combine(key.a, key.b); }
 *	static inline bool key_equal(struct key x, struct key y) { return x.a == y.a && x.b == y.b; }
 *	DEFINE_HASH(key_map, struct key, struct block, key_hash, key_equal);
 *
 * Each defines `struct NAME` (starts as {0}) and
 *
 *	struct block *NAME__find(map, key)       the value, or NULL
 *	struct block *NAME__insert(map, key)     the value, zeroed if it is new; NULL: out of memory
 *	bool NAME__remove(map, key, &old)        whether it was there; the third may be NULL
 *	void NAME__free(map)
 *	hash_for_each (slot, &map)               a loop over slot->key and slot->value
 *
 * Pointers to values are valid until the next insertion or removal.
 */
// clang-format on
#ifndef MEMTRACE_BASE_HASH_H
#define MEMTRACE_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* A 64-bit mixer (the finalizer of splitmix64): every input bit changes about half the output. */
static inline uint64_t hash_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline uint64_t hash_combine(uint64_t seed, uint64_t value)
{
	return hash_mix(seed ^ (value + 0x9e3779b97f4a7c15ull + (seed << 6) + (seed >> 2)));
}

#define hash_for_each(slot, map)                                       \
	for (__typeof__((map)->slots + 0) slot = (map)->slots;         \
		slot && slot < (map)->slots + (map)->capacity; slot++) \
		if (slot->used)

#define DEFINE_HASH(name, key_type, value_type, hash_of, equal)                            \
	struct name##_slot {                                                               \
		key_type key;                                                              \
		value_type value;                                                          \
		bool used;                                                                 \
	};                                                                                 \
	struct name {                                                                      \
		struct name##_slot *slots;                                                 \
		size_t capacity; /* a power of two, or 0 */                                \
		size_t size;                                                               \
	};                                                                                 \
	static inline struct name##_slot *name##__slot(struct name *map, key_type key)     \
	{                                                                                  \
		size_t mask = map->capacity - 1;                                           \
		size_t i = hash_of(key) & mask;                                            \
		while (map->slots[i].used && !equal(map->slots[i].key, key))               \
			i = (i + 1) & mask;                                                \
		return &map->slots[i];                                                     \
	}                                                                                  \
	static inline bool name##__grow(struct name *map)                                  \
	{                                                                                  \
		struct name bigger = {0};                                                  \
		bigger.capacity = map->capacity ? map->capacity * 2 : 16;                  \
		bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));             \
		if (!bigger.slots)                                                         \
			return false;                                                      \
		for (size_t i = 0; i < map->capacity; i++)                                 \
			if (map->slots[i].used)                                            \
				*name##__slot(&bigger, map->slots[i].key) = map->slots[i]; \
		bigger.size = map->size;                                                   \
		free(map->slots);                                                          \
		*map = bigger;                                                             \
		return true;                                                               \
	}                                                                                  \
	static inline __attribute__((unused))                                              \
	value_type *name##__find(struct name *map, key_type key)                           \
	{                                                                                  \
		struct name##_slot *slot;                                                  \
		if (!map->capacity)                                                        \
			return NULL;                                                       \
		slot = name##__slot(map, key);                                             \
		return slot->used ? &slot->value : NULL;                                   \
	}                                                                                  \
	static inline __attribute__((unused))                                              \
	value_type *name##__insert(struct name *map, key_type key)                         \
	{                                                                                  \
		struct name##_slot *slot;                                                  \
		if ((map->size + 1) * 4 > map->capacity * 3 && !name##__grow(map))         \
			return NULL;                                                       \
		slot = name##__slot(map, key);                                             \
		if (!slot->used) {                                                         \
			*slot = (struct name##_slot){.key = key, .used = true};            \
			map->size++;                                                       \
		}                                                                          \
		return &slot->value;                                                       \
	}                                                                                  \
	static inline __attribute__((unused)) bool name##__remove(                         \
		struct name *map, key_type key, value_type *old)                           \
	{                                                                                  \
		size_t mask = map->capacity - 1, hole, i;                                  \
		struct name##_slot *slot;                                                  \
		if (!map->capacity)                                                        \
			return false;                                                      \
		slot = name##__slot(map, key);                                             \
		if (!slot->used)                                                           \
			return false;                                                      \
		if (old)                                                                   \
			*old = slot->value;                                                \
		hole = slot - map->slots;                                                  \
		for (i = (hole + 1) & mask; map->slots[i].used; i = (i + 1) & mask) {      \
			size_t home = hash_of(map->slots[i].key) & mask;                   \
			if (((i - home) & mask) < ((i - hole) & mask))                     \
				continue;                                                  \
			map->slots[hole] = map->slots[i];                                  \
			hole = i;                                                          \
		}                                                                          \
		map->slots[hole].used = false;                                             \
		map->size--;                                                               \
		return true;                                                               \
	}                                                                                  \
	static inline __attribute__((unused)) void name##__free(struct name *map)          \
	{                                                                                  \
		free(map->slots);                                                          \
		*map = (struct name){0};                                                   \
	}                                                                                  \
	_Static_assert(true, "")

static inline uint64_t hash_number(uint64_t key)
{
	return hash_mix(key);
}

static inline bool hash_same_number(uint64_t a, uint64_t b)
{
	return a == b;
}

/* Keyed by an integer of at most 64 bits. */
#define DEFINE_HASH_NUMBER(name, key_type, value_type) \
	DEFINE_HASH(name, key_type, value_type, hash_number, hash_same_number)

struct hash_pair {
	uint64_t a;
	uint64_t b;
};

static inline uint64_t hash_pair_of(struct hash_pair pair)
{
	return hash_combine(hash_mix(pair.a), pair.b);
}

static inline bool hash_same_pair(struct hash_pair x, struct hash_pair y)
{
	return x.a == y.a && x.b == y.b;
}

/* Keyed by two such integers, a struct hash_pair. */
#define DEFINE_HASH_PAIR(name, value_type) \
	DEFINE_HASH(name, struct hash_pair, value_type, hash_pair_of, hash_same_pair)

#endif
