#include "heap/heap_private.h"

static void enter_inherited(struct heap *heap, int64_t count, uint64_t bytes)
{
	heap->inherited_live_count += count;
	heap->inherited_live_bytes += bytes;
}

void books__enter(struct heap *heap, struct space *space, const struct block *block)
{
	struct site *site = &heap->sites.list.data[block_site(block)];

	if (is_filtered(block))
		return;
	site__touch(site, heap->peak_epoch);
	slices__touch(&heap->slices, &heap->sites, block_site(block));
	site->live_count++;
	site->live_bytes += block->size;
	space->live_count++;
	space->live_bytes += block->size;
	heap->live_count++;
	heap->live_bytes += block->size;
	if (block->site & BLOCK_INHERITED)
		enter_inherited(heap, 1, block->size);
}

void books__leave(struct heap *heap, struct space *space, const struct block *block)
{
	struct site *site = &heap->sites.list.data[block_site(block)];

	if (is_filtered(block))
		return;
	site__touch(site, heap->peak_epoch);
	slices__touch(&heap->slices, &heap->sites, block_site(block));
	site->live_count--;
	site->live_bytes -= block->size;
	space->live_count--;
	space->live_bytes -= block->size;
	heap->live_count--;
	heap->live_bytes -= block->size;
	if (block->site & BLOCK_INHERITED)
		enter_inherited(heap, -1, -block->size);
}

void books__settle(struct heap *heap, struct space *space, uint64_t time_ns)
{
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
