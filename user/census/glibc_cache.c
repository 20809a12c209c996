/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Blocks that are free though their chunks do not say so: those in fastbins, and those in threads'
 * caches (tcache). A cache is a block itself, found by what is in it: counts, and lists of blocks
 * of just the sizes that their places in it stand for.
 *
 * Since 2.32 the links of both kinds of list are mangled with the address where they are stored,
 * shifted by 12 (safe-linking); which it is shows at any list's end.
 */
#include <errno.h>

#include "census/glibc.h"

/* tcache_perthread_struct: 2.31 to 2.41, 2.42. Sizes: of its chunk. */
static const struct cache_layout {
	uint32_t chunk_size;
	uint32_t entries; /* offset of the heads behind the counts */
	uint32_t bins;	  /* of fixed sizes */
	bool counts_used; /* or those that are left */
} layouts[] = {
	{0x290, 128, 64, true},
	{0x300, 152, 64, false},
};
#define MAX_CACHE_BINS 64
#define MAX_CACHE_BYTES 0x300

/* A thread keeps 7 of a size, at most 65,535 if configured so. */
#define MAX_CACHED 65535

/* How often a list that changes while it is followed is begun again. */
#define LIST_TRIES 3

enum mangling { MANGLING_UNKNOWN, MANGLING_NONE, MANGLING_POSITION };

struct marker {
	struct glibc *glibc;
	enum mangling mangling;
};

static uint64_t unmangle(const struct marker *marker, uint64_t position, uint64_t value)
{
	return marker->mangling == MANGLING_POSITION ? value ^ (position >> 12) : value;
}

/* What the first list's first link says; a wrong guess leads out of the heap. */
static void learn_mangling(struct marker *marker, uint64_t position, uint64_t value)
{
	struct census_blocks *blocks = &marker->glibc->survey->blocks;
	uint64_t other = value ^ (position >> 12);

	if (marker->mangling != MANGLING_UNKNOWN)
		return;
	if (!other || (!(other % CHUNK_ALIGN) && blocks__find(blocks, other)))
		marker->mangling = MANGLING_POSITION;
	else if (!value || (!(value % CHUNK_ALIGN) && blocks__find(blocks, value)))
		marker->mangling = MANGLING_NONE;
}

/* The block at @address, of a chunk of @size in an arena's memory; NULL: none such. */
static struct census_block *find_block(const struct marker *marker, uint64_t address, uint64_t size)
{
	struct census_block *block = blocks__at(&marker->glibc->survey->blocks, address);

	return block && !block->is_mapped && block->size + 8 == size ? block : NULL;
}

/* Follows a list of blocks of @size from @head, marking them. False where it leads astray. */
static bool follow(struct marker *marker, uint64_t head, uint64_t size, size_t most)
{
	struct census_reader *reader = &marker->glibc->narrow;
	uint64_t address = head, value;

	for (size_t i = 0; address && i < most; i++) {
		struct census_block *block = find_block(marker, address, size);

		if (!block || !reader__word(reader, address, &value))
			return false;
		/* A ring: twice the same. */
		if (block->state == BLOCK_CACHED && i)
			return false;
		if (block->state == BLOCK_LIVE)
			block->state = BLOCK_CACHED;
		learn_mangling(marker, address, value);
		address = unmangle(marker, address, value);
	}
	return !address;
}

/* --- fastbins: their links are chunks, 16 bytes before the blocks */

static bool follow_fastbin(struct marker *marker, uint64_t head, uint64_t size)
{
	struct census_reader *reader = &marker->glibc->narrow;
	size_t most = marker->glibc->survey->blocks.size;
	uint64_t chunk = head, value;

	for (size_t i = 0; chunk && i < most; i++) {
		struct census_block *block = find_block(marker, chunk + CHUNK_HEADER, size);

		if (!block || !reader__word(reader, chunk + CHUNK_HEADER, &value))
			return false;
		if (block->state == BLOCK_CACHED && i)
			return false;
		if (block->state == BLOCK_LIVE)
			block->state = BLOCK_CACHED;
		learn_mangling(marker, chunk + CHUNK_HEADER, value);
		chunk = unmangle(marker, chunk + CHUNK_HEADER, value);
	}
	return !chunk;
}

static void mark_fastbins(struct marker *marker, size_t arena)
{
	struct glibc *glibc = marker->glibc;
	uint64_t address = glibc->arenas.data[arena].address + ARENA_FASTBINS;

	for (size_t i = 0; i < ARENA_FASTBIN_COUNT; i++) {
		for (size_t tries = 0; tries < LIST_TRIES; tries++) {
			uint64_t head;

			reader__drop(&glibc->narrow);
			if (!reader__word(&glibc->narrow, address + 8 * i, &head) ||
				follow_fastbin(marker, head, CHUNK_MIN + CHUNK_ALIGN * i))
				break;
			glibc->survey->in_motion += tries == LIST_TRIES - 1;
		}
	}
}

/* --- tcache */

static const struct cache_layout *layout_of(uint64_t size)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (layouts[i].chunk_size == size)
			return &layouts[i];
	return NULL;
}

struct cache {
	const struct cache_layout *layout;
	uint8_t bytes[MAX_CACHE_BYTES];
};

static uint16_t cache_count(const struct cache *cache, size_t bin)
{
	uint16_t count;

	memcpy(&count, cache->bytes + 2 * bin, sizeof(count));
	return count;
}

static uint64_t cache_head(const struct cache *cache, size_t bin)
{
	uint64_t head;

	memcpy(&head, cache->bytes + cache->layout->entries + 8 * bin, sizeof(head));
	return head;
}

static bool read_cache(struct marker *marker, const struct census_block *block, struct cache *cache)
{
	cache->layout = layout_of(block->size + 8);
	reader__drop(&marker->glibc->narrow);
	return cache->layout && reader__copy(&marker->glibc->narrow, block->address, cache->bytes,
					cache->layout->chunk_size - CHUNK_HEADER);
}

/*
 * Whether its contents are a cache's: each head a block of its place's size, with a count where
 * there is a head. *@entries: how many places have one.
 */
static bool is_cache(const struct marker *marker, const struct cache *cache, size_t *entries)
{
	*entries = 0;
	for (size_t i = 0; i < cache->layout->bins; i++) {
		uint64_t head = cache_head(cache, i);

		if (cache->layout->counts_used && !head != !cache_count(cache, i))
			return false;
		if (head && !find_block(marker, head, CHUNK_MIN + CHUNK_ALIGN * i))
			return false;
		*entries += head != 0;
	}
	return true;
}

/* Marks what @cache holds; a list that changes meanwhile is followed again from its head. */
static void mark_cache(
	struct marker *marker, const struct census_block *block, const struct cache *cache)
{
	struct glibc *glibc = marker->glibc;

	for (size_t i = 0; i < cache->layout->bins; i++) {
		uint64_t head = cache_head(cache, i);
		uint64_t at = block->address + cache->layout->entries + 8 * i;

		for (size_t tries = 0; head; tries++) {
			if (follow(marker, head, CHUNK_MIN + CHUNK_ALIGN * i, MAX_CACHED))
				break;
			reader__drop(&glibc->narrow);
			if (tries == LIST_TRIES || !reader__word(&glibc->narrow, at, &head)) {
				glibc->survey->in_motion++;
				break;
			}
		}
	}
}

static void mark_caches(struct marker *marker)
{
	struct census_blocks *blocks = &marker->glibc->survey->blocks;

	for (size_t i = 0; i < blocks->size; i++) {
		struct census_block *block = &blocks->data[i];
		struct cache cache;
		size_t entries = 0;
		bool is = false;

		if (block->state != BLOCK_LIVE || !layout_of(block->size + 8))
			continue;
		for (size_t tries = 0; !is && tries < LIST_TRIES; tries++)
			is = read_cache(marker, block, &cache) &&
			     is_cache(marker, &cache, &entries);
		if (!is || !entries)
			continue;
		block->state = BLOCK_OWN;
		mark_cache(marker, block, &cache);
	}
}

/* --- caches that hold nothing, and other blocks of the C library: by the threads' own pointers */

/* How far below a thread's pointer the C library's TLS may lie: other modules' comes first. */
#define MAX_TLS (64u << 10)
/* tcbhead_t: the dtv of the thread; its block begins 16 bytes before. */
#define TCB_DTV 8

/* The block at @address becomes the C library's own if it is live and looks like a cache. */
static bool own_cache(struct marker *marker, uint64_t address)
{
	struct census_block *block = blocks__at(&marker->glibc->survey->blocks, address);
	struct cache cache;
	size_t entries;

	if (!block || block->is_mapped || !layout_of(block->size + 8))
		return false;
	if (block->state == BLOCK_OWN)
		return true;
	if (block->state != BLOCK_LIVE || !read_cache(marker, block, &cache) ||
		!is_cache(marker, &cache, &entries))
		return false;
	return true;
}

/* Distance below the thread pointer at which the most threads have a pointer to a cache; 0 none. */
static uint64_t find_cache_pointer(struct marker *marker)
{
	const struct census_image *image = marker->glibc->image;
	uint64_t best = 0;
	size_t best_count = 0;

	for (uint64_t below = 8; below <= MAX_TLS; below += 8) {
		size_t count = 0, read = 0;

		for (size_t i = 0; i < image->thread_count; i++) {
			uint64_t pointer = image->threads[i].thread_pointer, value;

			/* The first thread tells whether it is worth asking the others. */
			if (!pointer || (i && !count))
				continue;
			if (!reader__word(&marker->glibc->narrow, pointer - below, &value))
				continue;
			read++;
			count += own_cache(marker, value);
		}
		if (count > best_count) {
			best = below;
			best_count = count;
		}
		if (!read && below % CENSUS_PAGE == 0)
			break;
	}
	return best;
}

static void own_block(struct marker *marker, uint64_t address)
{
	struct census_block *block = blocks__at(&marker->glibc->survey->blocks, address);

	if (block && block->state == BLOCK_LIVE && !block->is_mapped)
		block->state = BLOCK_OWN;
}

static void own_dtv(struct marker *marker, uint64_t pointer)
{
	uint64_t dtv;

	if (reader__word(&marker->glibc->narrow, pointer + TCB_DTV, &dtv))
		own_block(marker, dtv - 16);
}

/*
 * Stacks of threads that have ended are kept for the next, with their TLS: the thread pointer is
 * as far from the end of its mapping as that of @known.
 */
static void own_dtvs_of_ended(struct marker *marker, uint64_t known)
{
	const struct census_image *image = marker->glibc->image;
	const struct census_range *range = census_image__find(image, known);
	uint64_t distance = range ? range->end - known : 0, words[3];

	for (size_t i = 0; range && i < image->range_count; i++) {
		uint64_t pointer = image->ranges[i].end - distance;

		if (image->ranges[i].kind != RANGE_ANONYMOUS || !image->ranges[i].is_writable ||
			image->ranges[i].end - image->ranges[i].start < distance)
			continue;
		if (reader__copy(&marker->glibc->narrow, pointer, words, sizeof(words)) &&
			words[0] == pointer && words[2] == pointer)
			own_dtv(marker, pointer);
	}
}

static void mark_own(struct marker *marker)
{
	const struct census_image *image = marker->glibc->image;
	struct census_reader *reader = &marker->glibc->narrow;
	uint64_t below = find_cache_pointer(marker), known = 0;

	for (size_t i = 0; i < image->thread_count; i++) {
		uint64_t pointer = image->threads[i].thread_pointer, value;

		if (!pointer)
			continue;
		if (below && reader__word(reader, pointer - below, &value) &&
			own_cache(marker, value))
			own_block(marker, value);
		own_dtv(marker, pointer);
		known = i ? pointer : known;
	}
	if (known)
		own_dtvs_of_ended(marker, known);
}

int glibc__mark_cached(struct glibc *glibc)
{
	struct marker marker = {.glibc = glibc};

	mark_caches(&marker);
	for (size_t i = 0; i < glibc->arenas.size; i++)
		mark_fastbins(&marker, i);
	mark_own(&marker);
	return glibc->narrow.failed;
}
