/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/room.h"

#include "heap/heap_private.h"

/* Of the limit, what call sites may take: blocks have the rest in any case. */
#define SITES_PART 2

static uint64_t site_bytes(const struct heap *heap)
{
	return heap->stack_count * ROOM_STACK + heap->sites.list.size * ROOM_SITE +
	       heap->sites.frames.size * ROOM_FRAME;
}

static uint64_t used_bytes(const struct heap *heap)
{
	uint64_t blocks = heap->live_count + heap->inherited_live_count + heap->kept_blocks;

	return blocks * ROOM_BLOCK + site_bytes(heap) + heap->left.size * ROOM_LEFT +
	       heap->shares.list.size * ROOM_SHARE +
	       heap->slices.cells.size * sizeof(struct slice_cell);
}

bool heap__has_room(const struct heap *heap, uint64_t bytes)
{
	uint64_t limit = heap->options.memory_limit;

	if (!limit)
		return true;
	return !heap->is_closed && used_bytes(heap) + bytes <= limit;
}

bool heap__has_site_room(const struct heap *heap, uint64_t bytes)
{
	uint64_t limit = heap->options.memory_limit;

	return heap__has_room(heap, bytes) &&
	       (!limit || site_bytes(heap) + bytes <= limit / SITES_PART);
}

void heap__close(struct heap *heap, bool is_closed)
{
	heap->is_closed = is_closed;
}
