#include "heap/mappings.h"

#include <sys/mman.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static uint64_t round_to_pages(uint64_t length, uint64_t page_size)
{
	uint64_t rounded = (length + page_size - 1) & ~(page_size - 1);

	return rounded < length ? length : rounded;
}

static uint64_t end_of(uint64_t address, uint64_t length)
{
	return address + length < address ? UINT64_MAX : address + length;
}

static void map_range(
	struct mapped *mapped, struct mapping_counts *counts, uint64_t address, uint64_t length)
{
	uint64_t overlap;

	if (intervals__add(&mapped->ranges, address, end_of(address, length), &overlap))
		counts->forgotten_count++;
	counts->replaced_bytes += overlap;
}

static void unmap_range(
	struct mapped *mapped, struct mapping_counts *counts, uint64_t address, uint64_t length)
{
	uint64_t removed;

	if (intervals__remove(&mapped->ranges, address, end_of(address, length), &removed))
		counts->forgotten_count++;
	counts->untracked_bytes += length - removed;
}

static void apply_mmap(struct mapped *mapped, struct mapping_counts *counts,
	const struct event_mapping *event, uint64_t page_size)
{
	uint64_t length = round_to_pages(event->length, page_size);

	counts->mmap_count++;
	counts->mmap_bytes += length;
	if (event->map_flags & MAP_ANONYMOUS)
		counts->anonymous_bytes += length;
	map_range(mapped, counts, event->address, length);
}

static void apply_munmap(struct mapped *mapped, struct mapping_counts *counts,
	const struct event_mapping *event, uint64_t page_size)
{
	uint64_t length = round_to_pages(event->length, page_size);

	counts->munmap_count++;
	counts->munmap_bytes += length;
	unmap_range(mapped, counts, event->address, length);
}

/*
 * mremap(2): the old range goes, the new one comes, unless the old length is 0 (a second mapping
 * of shared pages) or MREMAP_DONTUNMAP leaves the old range mapped (empty).
 */
static void apply_mremap(struct mapped *mapped, struct mapping_counts *counts,
	const struct event_mapping *event, uint64_t page_size)
{
	uint64_t old_length = round_to_pages(event->old_length, page_size);

	counts->mremap_count++;
	if (old_length && !(event->map_flags & MREMAP_DONTUNMAP))
		unmap_range(mapped, counts, event->old_address, old_length);
	map_range(mapped, counts, event->address, round_to_pages(event->length, page_size));
}

static void apply_brk(
	struct mapped *mapped, struct mapping_counts *counts, const struct event_mapping *event)
{
	/* brk(0) only asks where the break is; without the break before, nothing can be said. */
	if (event->address == event->old_address || !event->old_address)
		return;
	counts->brk_count++;
	if (event->address > event->old_address)
		counts->brk_grown_bytes += event->address - event->old_address;
	else
		counts->brk_shrunk_bytes += event->old_address - event->address;
	mapped->brk_bytes += (int64_t)(event->address - event->old_address);
}

void mappings__apply(struct mapped *mapped, struct mapping_counts *counts,
	const struct event_mapping *event, uint64_t page_size)
{
	switch (event->header.function) {
	case FUNCTION_MMAP:
		apply_mmap(mapped, counts, event, page_size);
		break;
	case FUNCTION_MUNMAP:
		apply_munmap(mapped, counts, event, page_size);
		break;
	case FUNCTION_MREMAP:
		apply_mremap(mapped, counts, event, page_size);
		break;
	case FUNCTION_BRK:
		apply_brk(mapped, counts, event);
		break;
	}
}
