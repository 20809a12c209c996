/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_memory.h"

/* As memtrace -p: more than that helps nobody. */
#define MOST_RING (64ull << 20)
#define LEAST_RING (4ull << 20)
/* A site with 16 frames, and its stacks by process. */
#define SITE_BYTES 640

/* The ring is resident once it was full: an eighth. */
uint64_t serve_memory__ring_size(uint64_t limit)
{
	uint64_t size = MOST_RING;

	while (size > LEAST_RING && size > limit / 8)
		size /= 2;
	return size;
}

size_t serve_memory__max_sites(uint64_t limit)
{
	return limit / 4 / SITE_BYTES;
}

size_t serve_memory__answer_bytes(uint64_t limit)
{
	return limit / 8;
}
