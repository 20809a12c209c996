/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Finds glibc's arenas without symbols: in an arena every empty bin points to itself, and the
 * arenas' `next` pointers are a closed ring. Only the main arena lies in a file's writable data.
 */
#include <errno.h>

#include "census/glibc.h"

struct raw_arena {
	uint8_t bytes[ARENA_SIZE];
};

static uint64_t field(const struct raw_arena *raw, size_t offset)
{
	uint64_t value;

	memcpy(&value, raw->bytes + offset, sizeof(value));
	return value;
}

/* Each bin is a ring of chunks through the bin itself: empty, both words point 16 bytes before. */
static bool has_bins(const struct raw_arena *raw, uint64_t address)
{
	size_t empty = 0;

	for (size_t i = 0; i < ARENA_BIN_COUNT; i++) {
		size_t at = ARENA_BINS + 16 * i;
		uint64_t self = address + at - 16;
		uint64_t forward = field(raw, at), back = field(raw, at + 8);

		if (forward == self && back == self)
			empty++;
		else if (!forward || !back || forward % CHUNK_ALIGN || back % CHUNK_ALIGN)
			return false;
	}
	return empty;
}

static bool read_arena(struct glibc *glibc, uint64_t address, struct raw_arena *raw)
{
	uint64_t top;

	if (address % 8 || !reader__copy(&glibc->narrow, address, raw, sizeof(*raw)))
		return false;
	top = field(raw, ARENA_TOP);
	return top && top % CHUNK_ALIGN == 0 && has_bins(raw, address) &&
	       field(raw, ARENA_SYSTEM_MEM) <= field(raw, ARENA_MAX_SYSTEM_MEM);
}

static int add_arena(
	struct glibc *glibc, uint64_t address, const struct raw_arena *raw, bool is_main)
{
	struct glibc_arena arena = {
		.address = address,
		.top = field(raw, ARENA_TOP),
		.is_main = is_main,
	};
	struct census_arena known = {
		.address = address,
		.size = ARENA_SIZE,
		.is_main = is_main,
	};

	memcpy(arena.fastbins, raw->bytes + ARENA_FASTBINS, sizeof(arena.fastbins));
	if (vec_push(&glibc->arenas, arena) || vec_push(&glibc->survey->arenas, known))
		return -ENOMEM;
	return 0;
}

/*
 * Adds the arena at @main and those of its ring. Returns how many were added, 0 where that is no
 * main arena, or -ENOMEM.
 */
static int add_ring(struct glibc *glibc, uint64_t main)
{
	size_t before = glibc->arenas.size;
	uint64_t address = main;
	struct raw_arena raw;

	do {
		if (glibc->arenas.size - before >= GLIBC_MAX_ARENAS ||
			!read_arena(glibc, address, &raw))
			goto none;
		if (add_arena(glibc, address, &raw, address == main))
			return -ENOMEM;
		address = field(&raw, ARENA_NEXT);
	} while (address != main);
	return glibc->arenas.size - before;
none:
	glibc->arenas.size = glibc->survey->arenas.size = before;
	return 0;
}

/* An empty bin was found at @bin: it may be any of an arena's. */
static int try_bin(struct glibc *glibc, uint64_t bin)
{
	for (size_t i = 0; i < ARENA_BIN_COUNT; i++) {
		int added = add_ring(glibc, bin - ARENA_BINS - 16 * i);

		if (added)
			return added;
	}
	return 0;
}

/* Looks for empty bins in the window; after an arena it goes on behind. */
static int search_window(struct glibc *glibc, struct census_reader *reader)
{
	size_t words = reader->size / 8;
	uint64_t last = 0;

	for (size_t i = 0; i + 1 < words; i++) {
		uint64_t address = reader->start + 8 * i, pair[2];
		int added;

		memcpy(pair, reader->data + 8 * i, sizeof(pair));
		if (pair[0] != address - 16 || pair[1] != pair[0])
			continue;
		/* The bins of what was tried already follow each other. */
		if (last && address == last + 16) {
			last = address;
			continue;
		}
		last = address;
		added = try_bin(glibc, address);
		if (added < 0)
			return added;
		if (added)
			return 1;
	}
	return 0;
}

static int search_range(struct glibc *glibc, const struct census_range *range)
{
	struct census_reader *reader = &glibc->wide;
	int found = 0;

	reader__aim(reader, range->end);
	for (uint64_t at = range->start; !found && at < range->end; at += reader->size) {
		reader__load(reader, at);
		if (!reader->size)
			break;
		found = search_window(glibc, reader);
	}
	return found;
}

int glibc__find_arenas(struct glibc *glibc)
{
	for (size_t i = 0; i < glibc->image->range_count; i++) {
		const struct census_range *range = &glibc->image->ranges[i];
		int found;

		if (range->kind != RANGE_FILE || !range->is_writable)
			continue;
		found = search_range(glibc, range);
		if (found < 0)
			return found;
		if (found && !glibc->sbrk_base)
			glibc__find_parameters(glibc, range);
	}
	return glibc->wide.failed ? glibc->wide.failed : glibc->arenas.size > 0;
}

/* --- mp_, struct malloc_par: by its shape around sbrk_base */

/* Bytes from the start of the break area in which the C library's first block begins: in front of
   it lies, in static programs, the main thread's TLS. */
#define MAX_BEFORE_SBRK_BASE (64ull << 20)
#define MAX_TCACHE_BINS 1024
#define DEFAULT_MAPPED_MAX 65536

struct raw_parameters {
	int32_t before[10];    /* n_mmaps and its limits, with other things in front */
	uint64_t mapped_bytes; /* mmapped_mem */
	uint64_t mapped_peak;  /* max_mmapped_mem */
	uint64_t sbrk_base;
	uint64_t tcache_bins;
	uint64_t tcache_max;
};

static bool is_parameters(const struct raw_parameters *raw, const struct census_range *brk)
{
	return raw->sbrk_base >= brk->start && raw->sbrk_base < brk->end &&
	       raw->sbrk_base - brk->start < MAX_BEFORE_SBRK_BASE &&
	       raw->mapped_bytes <= raw->mapped_peak && raw->tcache_bins <= MAX_TCACHE_BINS &&
	       raw->tcache_max <= MAX_TCACHE_BINS * 65536ull;
}

/* n_mmaps stands before n_mmaps_max: at 32 bytes before sbrk_base until 2.34, then 36. */
static void take_mapped_count(struct glibc *glibc, const struct raw_parameters *raw)
{
	static const size_t places[] = {6, 5}; /* words of 4 bytes: n_mmaps in before[] */

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int32_t count = raw->before[places[i]], most = raw->before[places[i] + 1];
		int32_t peak = raw->before[places[i] + 2];

		if (most != DEFAULT_MAPPED_MAX || count < 0 || count > peak)
			continue;
		glibc->survey->mapped_claimed = count;
		glibc->survey->claims_mapped = true;
		return;
	}
}

void glibc__find_parameters(struct glibc *glibc, const struct census_range *data)
{
	const struct census_range *brk = NULL;
	struct raw_parameters raw;

	for (size_t i = 0; i < glibc->image->range_count && !brk; i++)
		if (glibc->image->ranges[i].kind == RANGE_BRK)
			brk = &glibc->image->ranges[i];
	if (!brk)
		return;
	reader__aim(&glibc->wide, data->end);
	for (uint64_t at = data->start; data->end - at >= sizeof(raw); at += 8) {
		const void *here = reader__at(&glibc->wide, at, sizeof(raw));

		if (!here)
			continue;
		memcpy(&raw, here, sizeof(raw));
		if (!is_parameters(&raw, brk))
			continue;
		glibc->sbrk_base = raw.sbrk_base;
		take_mapped_count(glibc, &raw);
		return;
	}
}
