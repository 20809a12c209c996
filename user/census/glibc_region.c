/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The memory that glibc's arenas manage: of the main one what it got by sbrk, of each other a list
 * of heaps, aligned areas that begin with a struct heap_info.
 */
#include <errno.h>
#include <stdlib.h>

#include "census/glibc.h"

/* struct heap_info has 32 bytes until 2.34, 48 from 2.35 on; the arena of a heap follows it. */
static const uint64_t heap_info_sizes[] = {48, 32};
/* HEAP_MAX_SIZE; with huge pages (glibc.malloc.hugetlb) four pages of 2 MiB or of 1 GiB. */
static const uint64_t heap_alignments[] = {64ull << 20, 8ull << 20, 4ull << 30};

/* The beginning of struct heap_info, the same in all versions. */
struct heap_info {
	uint64_t arena;
	uint64_t previous; /* heap of the arena; 0: this is its first, which holds the arena */
	uint64_t size;	   /* bytes in use, this struct included */
	uint64_t accessible;
};

static bool read_heap(struct glibc *glibc, uint64_t address, uint64_t arena, struct heap_info *info)
{
	return reader__copy(&glibc->narrow, address, info, sizeof(*info)) && info->arena == arena;
}

static int add_region(struct glibc *glibc, struct glibc_region region)
{
	uint64_t readable = census_image__end_of(glibc->image, region.start);

	if (region.end > readable)
		region.end = readable;
	if (region.end <= region.start)
		return 0;
	return vec_push(&glibc->regions, region);
}

/* Follows the list of heaps from the newest, which holds top, to the first. */
static int add_heaps(struct glibc *glibc, uint16_t index, uint64_t info_size, uint64_t alignment)
{
	const struct glibc_arena *arena = &glibc->arenas.data[index];
	uint64_t address = arena->top & ~(alignment - 1);
	struct heap_info info;

	for (size_t count = 0; address && count < GLIBC_MAX_ARENAS; count++) {
		uint64_t first = address + info_size;
		int err;

		if (address % alignment || !read_heap(glibc, address, arena->address, &info))
			break;
		if (info.size > alignment)
			info.size = alignment;
		if (first == arena->address)
			first = (arena->address + ARENA_SIZE + CHUNK_ALIGN - 1) &
				~(uint64_t)(CHUNK_ALIGN - 1);
		err = add_region(glibc, (struct glibc_region){
						.first = first,
						.start = address,
						.end = address + info.size,
						.arena = index,
					});
		if (err)
			return err;
		if (info.previous == address)
			break;
		address = info.previous;
	}
	return 0;
}

static int add_arena_heaps(struct glibc *glibc, uint16_t index)
{
	uint64_t arena = glibc->arenas.data[index].address;
	struct heap_info info;

	for (size_t a = 0; a < sizeof(heap_alignments) / sizeof(*heap_alignments); a++)
		for (size_t i = 0; i < sizeof(heap_info_sizes) / sizeof(*heap_info_sizes); i++)
			if ((arena & (heap_alignments[a] - 1)) == heap_info_sizes[i] &&
				read_heap(glibc, arena - heap_info_sizes[i], arena, &info))
				return add_heaps(
					glibc, index, heap_info_sizes[i], heap_alignments[a]);
	return 0;
}

/* The main arena's: the break area, which may be several mappings side by side. */
static int add_break(struct glibc *glibc, uint16_t index)
{
	const struct census_image *image = glibc->image;
	uint64_t start = 0, end = 0, first = 0;

	for (size_t i = 0; i < image->range_count; i++) {
		if (image->ranges[i].kind != RANGE_BRK)
			continue;
		start = start ? start : image->ranges[i].start;
		end = image->ranges[i].end;
	}
	if (!end)
		return 0;
	if (glibc->sbrk_base)
		first = (glibc->sbrk_base + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1);
	return add_region(glibc, (struct glibc_region){
					 .first = first,
					 .start = first ? first : start,
					 .end = end,
					 .arena = index,
					 .has_gaps = true,
				 });
}

static int by_start(const void *left, const void *right)
{
	const struct glibc_region *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/* Hostile lists of heaps may name one twice, or let them overlap: one address, one region. */
static void sort_regions(struct glibc *glibc)
{
	size_t kept = 0;
	uint64_t end = 0;

	if (glibc->regions.size)
		qsort(glibc->regions.data, glibc->regions.size, sizeof(*glibc->regions.data),
			by_start);
	for (size_t i = 0; i < glibc->regions.size; i++) {
		if (glibc->regions.data[i].start < end)
			continue;
		glibc->regions.data[kept++] = glibc->regions.data[i];
		end = glibc->regions.data[i].end;
	}
	glibc->regions.size = kept;
}

int glibc__find_regions(struct glibc *glibc)
{
	bool has_break = false;
	int err = 0;

	for (size_t i = 0; !err && i < glibc->arenas.size; i++) {
		if (!glibc->arenas.data[i].is_main)
			err = add_arena_heaps(glibc, i);
		else if (!has_break)
			err = add_break(glibc, i);
		has_break = true;
	}
	sort_regions(glibc);
	return err;
}
