/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_memory.h"

#include <malloc.h>
#include <unistd.h>

#include "process/smaps.h"

/* As memtrace -p: more than that helps nobody. */
#define MOST_RING (64ull << 20)
#define LEAST_RING (4ull << 20)
#define MOST_CONTROL_RING (4ull << 20)
#define LEAST_CONTROL_RING (512ull << 10)
/*
 * The program and its libraries, the maps that are shared with the kernel whatever the limit, and
 * what attaching leaves.
 */
#define FIXED_BYTES (26ull << 20)
#define LEAST_MODEL (4ull << 20)
/* A site in a page, with its names, before it is written and after. */
#define REPORT_SITE_BYTES 16384

/* Blocks from here on are mappings, which are gone when they are freed. */
#define OWN_MAPPING_BYTES (128 << 10)
#define TRIM_BYTES (1 << 20)
#define ARENAS 2

static uint64_t ring_size(uint64_t most, uint64_t least, uint64_t wanted)
{
	uint64_t size = most;

	while (size > least && size > wanted)
		size /= 2;
	return size;
}

/* A ring's pages are resident twice over: its end is mapped again behind it. */
struct serve_memory serve_memory__share(uint64_t limit)
{
	struct serve_memory out = {
		.limit = limit,
		.ring_bytes = ring_size(MOST_RING, LEAST_RING, limit / 16),
		.control_ring_bytes = ring_size(MOST_CONTROL_RING, LEAST_CONTROL_RING, limit / 128),
		.answer_bytes = limit / 16,
		.waits_bytes = limit / 16,
		.export_bytes = limit / 32,
	};
	uint64_t given = FIXED_BYTES + 2 * (out.ring_bytes + out.control_ring_bytes) +
			 2 * out.answer_bytes + out.waits_bytes + out.export_bytes;

	out.model_bytes = limit > given + LEAST_MODEL ? limit - given : LEAST_MODEL;
	out.report_sites = out.answer_bytes / REPORT_SITE_BYTES;
	return out;
}

void serve_memory__bound_allocator(void)
{
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, ARENAS);
	mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
#endif
}

void serve_memory__give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

uint64_t serve_memory__resident(void)
{
	struct resident_pages pages;

	return resident_pages__read(0, &pages) ? pages.all * sysconf(_SC_PAGESIZE) : 0;
}

enum serve_memory_state serve_memory__look(const struct serve_memory *memory)
{
	/* A sixteenth is for what comes between two looks. */
	uint64_t full = memory->limit - memory->limit / 16;

	if (serve_memory__resident() < full)
		return SERVE_MEMORY_FREE;
	serve_memory__give_back();
	return serve_memory__resident() < full ? SERVE_MEMORY_FREE : SERVE_MEMORY_FULL;
}
