/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/glibc_chunk.h"

#include "census/glibc.h"

/* tcache_perthread_struct with its header: 2.29, 2.30 to 2.41, 2.42. */
static const uint64_t cache_chunks[] = {0x250, 0x290, 0x300};

static uint64_t size_for(uint64_t requested)
{
	uint64_t size = (requested + 8 + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1);

	return size < CHUNK_MIN ? CHUNK_MIN : size;
}

uint64_t chunk__next(const struct chunk_view *chunk)
{
	uint64_t head = chunk->words[1], size = chunk_size(head), wanted;

	if (!chunk->is_readable || chunk->address % CHUNK_ALIGN ||
		chunk->requested > UINT64_MAX / 2)
		return 0;
	wanted = size_for(chunk->requested);
	/* Mapped for itself: whole pages with what lies before it. */
	if (head & CHUNK_IS_MAPPED)
		return size >= wanted && size - wanted < 2 * CENSUS_PAGE &&
				       (size + chunk->words[0]) % CENSUS_PAGE == 0
			       ? chunk->address - CHUNK_HEADER + size
			       : 0;
	/* What would be too small for a chunk of its own stays with the block. */
	if (size != wanted && size != wanted + CHUNK_ALIGN)
		return 0;
	return chunk->address - CHUNK_HEADER + size;
}

/* No pointer of a program: the upper bits differ. A key has such ones with a chance of all but
 * 2^-16. */
static bool is_canonical(uint64_t value)
{
	return value >> 47 == 0;
}

uint64_t chunk__possible_key(const struct chunk_view *chunk, bool *is_address)
{
	uint64_t link = chunk->words[2], key = chunk->words[3];

	*is_address = is_canonical(key);
	if (!chunk->is_readable || !key || !chunk__next(chunk))
		return 0;
	if (link == chunk->address >> 12)
		return key;
	return !link && *is_address && key % CHUNK_ALIGN == 0 ? key : 0;
}

bool chunk__holds_cache(uint64_t head)
{
	for (size_t i = 0; i < sizeof(cache_chunks) / sizeof(cache_chunks[0]); i++)
		if (chunk_size(head) == cache_chunks[i])
			return true;
	return false;
}

static bool has_key(const struct chunk_keys *keys, uint64_t key)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->keys[i] == key)
			return true;
	return false;
}

void chunk_keys__add(struct chunk_keys *keys, uint64_t key)
{
	if (keys->count < CHUNK_MAX_KEYS && !has_key(keys, key))
		keys->keys[keys->count++] = key;
}

enum chunk_state chunk__state(const struct chunk_view *chunk, const struct chunk_keys *keys)
{
	if (!chunk->is_readable)
		return CHUNK_FREED; /* the memory went back to the kernel */
	if (!chunk__next(chunk))
		return CHUNK_STRANGE;
	if (chunk->words[1] & CHUNK_IS_MAPPED)
		return CHUNK_IN_USE;
	if (!chunk->has_next)
		return CHUNK_STRANGE;
	if (!(chunk->next_head & CHUNK_PREV_IN_USE) || has_key(keys, chunk->words[3]))
		return CHUNK_FREED;
	return CHUNK_IN_USE;
}
