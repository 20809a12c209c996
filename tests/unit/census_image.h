/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * An address space made by hand, for the census: a C library's data with a main arena, a break area
 * that is filled chunk by chunk as glibc would leave it, and an anonymous mapping.
 */
#ifndef TESTS_CENSUS_IMAGE_H
#define TESTS_CENSUS_IMAGE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "census/glibc.h"

#define FAKE_DATA 0x7f0000000000ull
#define FAKE_DATA_SIZE (4u * CENSUS_PAGE)
#define FAKE_ARENA (FAKE_DATA + 0xc60)
#define FAKE_BRK 0x555500000000ull
#define FAKE_BRK_SIZE (64u * CENSUS_PAGE)
#define FAKE_ANON 0x7e0000000000ull
#define FAKE_ANON_SIZE (64u * CENSUS_PAGE)

enum { FAKE_BRK_INDEX, FAKE_ANON_INDEX, FAKE_DATA_INDEX, FAKE_RANGES };

struct fake {
	uint8_t *bytes[FAKE_RANGES];
	uint8_t *states[FAKE_RANGES];
	struct census_range ranges[FAKE_RANGES];
	struct census_thread thread;
	struct census_image image;
	uint64_t next;	    /* where the next chunk goes */
	uint64_t last_size; /* of the chunk in front, if that is free; else 0 */
	size_t wrong_reads; /* of pages that are not present */
};

static inline struct census_range *fake__range(struct fake *fake, uint64_t address)
{
	for (size_t i = 0; i < FAKE_RANGES; i++)
		if (address - fake->ranges[i].start < fake->ranges[i].end - fake->ranges[i].start)
			return &fake->ranges[i];
	return NULL;
}

static inline long fake__read(void *context, uint64_t address, void *to, size_t size)
{
	struct fake *fake = context;
	struct census_range *range = fake__range(fake, address);
	size_t index;

	if (!range)
		return -14; /* EFAULT */
	index = range - fake->ranges;
	if (size > range->end - address)
		size = range->end - address;
	for (uint64_t page = page_floor(address); page < address + size; page += CENSUS_PAGE)
		fake->wrong_reads +=
			fake->states[index][(page - range->start) / CENSUS_PAGE] != PAGE_PRESENT;
	memcpy(to, fake->bytes[index] + (address - range->start), size);
	return size;
}

static inline int fake__pages(void *context, uint64_t address, size_t count, uint8_t *states)
{
	struct fake *fake = context;

	for (size_t i = 0; i < count; i++) {
		uint64_t page = address + i * CENSUS_PAGE;
		struct census_range *range = fake__range(fake, page);

		states[i] = range ? fake->states[range - fake->ranges]
						[(page - range->start) / CENSUS_PAGE]
				  : PAGE_ABSENT;
	}
	return 0;
}

static inline void fake__set_page(struct fake *fake, uint64_t address, enum page_state state)
{
	struct census_range *range = fake__range(fake, address);

	fake->states[range - fake->ranges][(address - range->start) / CENSUS_PAGE] = state;
}

static inline void fake__put(struct fake *fake, uint64_t address, uint64_t word)
{
	struct census_range *range = fake__range(fake, address);

	if (range && range->end - address >= sizeof(word))
		memcpy(fake->bytes[range - fake->ranges] + (address - range->start), &word,
			sizeof(word));
}

static inline void fake__add_range(
	struct fake *fake, size_t index, uint64_t start, size_t size, enum range_kind kind)
{
	fake->ranges[index] = (struct census_range){
		.start = start,
		.end = start + size,
		.resident = size,
		.kind = kind,
		.prot = PROT_READ | PROT_WRITE,
		.is_writable = true,
		.name = "",
	};
	fake->bytes[index] = calloc(1, size);
	fake->states[index] = malloc(size / CENSUS_PAGE);
	memset(fake->states[index], PAGE_PRESENT, size / CENSUS_PAGE);
}

/* Adds a chunk of @size bytes in all. Returns the block's address. */
static inline uint64_t fake__chunk(struct fake *fake, uint64_t size, bool is_free)
{
	uint64_t chunk = fake->next;

	if (fake->last_size)
		fake__put(fake, chunk, fake->last_size);
	fake__put(fake, chunk + 8, size | (fake->last_size ? 0 : CHUNK_PREV_IN_USE));
	fake->last_size = is_free ? size : 0;
	fake->next += size;
	return chunk + CHUNK_HEADER;
}

/* The rest of the break area is the arena's top. */
static inline void fake__end(struct fake *fake)
{
	uint64_t top = fake->next;

	fake__chunk(fake, FAKE_BRK + FAKE_BRK_SIZE - top, false);
	fake__put(fake, FAKE_ARENA + ARENA_TOP, top);
}

static inline void fake__begin(struct fake *fake)
{
	*fake = (struct fake){.next = FAKE_BRK};
	fake__add_range(fake, FAKE_BRK_INDEX, FAKE_BRK, FAKE_BRK_SIZE, RANGE_BRK);
	fake__add_range(fake, FAKE_ANON_INDEX, FAKE_ANON, FAKE_ANON_SIZE, RANGE_ANONYMOUS);
	fake__add_range(fake, FAKE_DATA_INDEX, FAKE_DATA, FAKE_DATA_SIZE, RANGE_FILE);
	for (size_t i = 0; i < ARENA_BIN_COUNT; i++) {
		uint64_t bin = FAKE_ARENA + ARENA_BINS + 16 * i;

		fake__put(fake, bin, bin - 16);
		fake__put(fake, bin + 8, bin - 16);
	}
	fake__put(fake, FAKE_ARENA + ARENA_NEXT, FAKE_ARENA);
	fake__put(fake, FAKE_ARENA + ARENA_SYSTEM_MEM, FAKE_BRK_SIZE);
	fake__put(fake, FAKE_ARENA + ARENA_MAX_SYSTEM_MEM, FAKE_BRK_SIZE);
	fake__put(fake, FAKE_ARENA + ARENA_TOP, FAKE_BRK);
	fake->image = (struct census_image){
		.memory = {fake, fake__read, fake__pages, NULL},
		.ranges = fake->ranges,
		.range_count = FAKE_RANGES,
		.threads = &fake->thread,
		.thread_count = 1,
	};
	/* Ranges ascend by address. */
	fake->ranges[FAKE_BRK_INDEX].name = "[heap]";
}

static inline void fake__free(struct fake *fake)
{
	for (size_t i = 0; i < FAKE_RANGES; i++) {
		free(fake->bytes[i]);
		free(fake->states[i]);
	}
}

#endif
