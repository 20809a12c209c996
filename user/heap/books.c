/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/heap_private.h"

/* A copy is in the books of its space and of the heap; the site's are of what calls did. */
static void count_copy(struct heap *heap, struct heap_space *space, int64_t count, uint64_t bytes)
{
	heap->inherited_live_count += count;
	heap->inherited_live_bytes += bytes;
	space->inherited_count += count;
	space->inherited_bytes += bytes;
}

/* The site, which is about to change. */
static struct site *touch_site(struct heap *heap, const struct block *block)
{
	struct site *site = &heap->sites.list.data[block_site(block)];

	site__touch(site, heap->peak_epoch);
	slices__touch(&heap->slices, &heap->sites, block_site(block));
	return site;
}

/*
 * A site's low is noted when the record is dealt with: a realloc frees and allocates, and what it
 * holds between the two is nothing that the site ever shrank to.
 */
static void note_shrunk(struct heap *heap, uint32_t id)
{
	if (heap->shrunk != id)
		slices__note_low(&heap->sites.list.data[heap->shrunk]);
	heap->shrunk = id;
}

static void count_live(struct heap *heap, struct heap_space *space, int64_t count, uint64_t bytes)
{
	space->live_count += count;
	space->live_bytes += bytes;
	heap->live_count += count;
	heap->live_bytes += bytes;
}

void books__enter(struct heap *heap, struct heap_space *space, const struct block *block)
{
	struct site *site;

	if (is_filtered(block))
		return;
	if (block->site & BLOCK_INHERITED) {
		count_copy(heap, space, 1, block->size);
		return;
	}
	site = touch_site(heap, block);
	site->live_count++;
	site->live_bytes += block->size;
	count_live(heap, space, 1, block->size);
}

/* A block is no longer live. Its site, or NULL where it is a copy of the parent's. */
static struct site *take_out(struct heap *heap, struct heap_space *space, const struct block *block)
{
	struct site *site;

	if (block->site & BLOCK_INHERITED) {
		count_copy(heap, space, -1, -block->size);
		return NULL;
	}
	site = touch_site(heap, block);
	site->live_count--;
	site->live_bytes -= block->size;
	count_live(heap, space, -1, -block->size);
	return site;
}

void books__leave(struct heap *heap, struct heap_space *space, const struct block *block)
{
	if (!is_filtered(block) && take_out(heap, space, block))
		note_shrunk(heap, block_site(block));
}

void books__leave_at_exit(struct heap *heap, struct heap_space *space, const struct block *block)
{
	struct site *site = take_out(heap, space, block);

	if (!site)
		return;
	site->at_exit_count++;
	site->at_exit_bytes += block->size;
}

void books__settle(struct heap *heap, struct heap_space *space, uint64_t time_ns)
{
	note_shrunk(heap, SITE_FILTERED);
	series__set_live(series__at(&heap->series, time_ns), heap->live_bytes);
	if (space->live_bytes > space->peak_bytes)
		space->peak_bytes = space->live_bytes;
	if (heap->live_bytes <= heap->peak_bytes)
		return;
	heap->peak_epoch++;
	heap->peak_bytes = heap->live_bytes;
	heap->peak_count = heap->live_count;
	heap->peak_inherited_bytes = heap->inherited_live_bytes;
	heap->peak_at_ns = time_ns;
}
