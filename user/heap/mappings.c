/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/mappings.h"

#include <string.h>
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

/* --- the books: what is mapped now, by kind and by site */

/* Whom pieces are taken from. */
struct giver {
	struct mapped *mapped;
	struct sites *sites;
	uint64_t bytes; /* taken so far */
};

static bool is_growth(const struct mapped_range *range)
{
	return range->kind == MAPPED_PROGRAM && !range->inherited;
}

static void leave_books(void *context, const struct mapped_range *piece)
{
	struct giver *giver = context;
	uint64_t bytes = piece->end - piece->start;
	struct site *site = &giver->sites->list.data[piece->site];

	giver->bytes += bytes;
	giver->mapped->kind_bytes[piece->kind] -= bytes;
	if (is_growth(piece) && site->mapped)
		site->mapped->live_bytes -= bytes;
}

static void enter_books(
	struct mapped *mapped, struct sites *sites, const struct mapped_range *range)
{
	uint64_t bytes = range->end - range->start;
	struct site_mapped *site;

	mapped->kind_bytes[range->kind] += bytes;
	site = is_growth(range) ? sites__mapped(sites, range->site) : NULL;
	if (!site)
		return;
	site->count++;
	site->bytes += bytes;
	site->live_bytes += bytes;
}

/* Adds [address, address + length) to @set; the bytes that it took the place of. */
static uint64_t map_range(struct mapped *mapped, struct mapped_ranges *set,
	struct mapping_counts *counts, struct sites *sites, struct mapped_range range)
{
	struct giver giver = {mapped, sites, 0};

	if (range.start >= range.end)
		return 0;
	if (mapped_ranges__add(set, &range, leave_books, &giver))
		counts->forgotten_count++;
	else
		enter_books(mapped, sites, &range);
	return giver.bytes;
}

static uint64_t unmap_range(struct mapped *mapped, struct mapped_ranges *set,
	struct mapping_counts *counts, struct sites *sites, uint64_t address, uint64_t length)
{
	struct giver giver = {mapped, sites, 0};

	if (mapped_ranges__remove(set, address, end_of(address, length), leave_books, &giver))
		counts->forgotten_count++;
	return giver.bytes;
}

/* --- calls */

/* The kind of what is mapped at @address; MAPPED_PROGRAM where nothing is. */
static enum mapped_kind kind_at(const struct mapped *mapped, uint64_t address)
{
	const struct mapped_range *range = mapped_ranges__find(&mapped->ranges, address);

	return range ? range->kind : MAPPED_PROGRAM;
}

/* Whose memory it is that a call adds. */
static enum mapped_kind mapper_of(const struct event_mapping *event)
{
	return event->header.flags & MAPPING_BY_ALLOCATOR ? MAPPED_ALLOCATOR : MAPPED_PROGRAM;
}

/*
 * Memory that is mapped over a library's (its .bss), a stack's or an allocator's stays theirs,
 * whoever does it: allocators have threads that work in the background.
 */
static enum mapped_kind kind_of_mmap(const struct mapped *mapped, const struct event_mapping *event)
{
	enum mapped_kind below = MAPPED_PROGRAM;

	if (!(event->map_flags & MAP_ANONYMOUS))
		return MAPPED_FILE;
	if (event->header.flags & MAPPING_BY_ALLOCATOR)
		return event->protection == PROT_NONE ? MAPPED_RESERVED : MAPPED_ALLOCATOR;
	if (event->map_flags & (MAP_STACK | MAP_GROWSDOWN))
		return MAPPED_STACK;
	if (event->map_flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		below = kind_at(mapped, event->address);
	if (below != MAPPED_PROGRAM && below != MAPPED_RESERVED)
		return below;
	return event->protection == PROT_NONE ? MAPPED_RESERVED : MAPPED_PROGRAM;
}

static void apply_mmap(struct mapped *mapped, struct mapping_counts *counts, struct sites *sites,
	const struct mapping_call *call)
{
	const struct event_mapping *event = call->event;
	uint64_t length = round_to_pages(event->length, call->page_size);
	struct mapped_range range = {
		.start = event->address,
		.end = end_of(event->address, length),
		.site = call->site,
		.kind = kind_of_mmap(mapped, event),
		.becomes = mapper_of(event),
	};

	counts->mmap_count++;
	counts->mmap_bytes += length;
	if (event->map_flags & MAP_ANONYMOUS)
		counts->anonymous_bytes += length;
	counts->replaced_bytes += map_range(mapped, &mapped->ranges, counts, sites, range);
}

static void apply_munmap(struct mapped *mapped, struct mapping_counts *counts, struct sites *sites,
	const struct mapping_call *call)
{
	const struct event_mapping *event = call->event;
	uint64_t length = round_to_pages(event->length, call->page_size);

	counts->munmap_count++;
	counts->munmap_bytes += length;
	counts->untracked_bytes += length - unmap_range(mapped, &mapped->ranges, counts, sites,
						    event->address, length);
}

/*
 * mremap(2): the old range goes, the new one comes, unless the old length is 0 (a second mapping
 * of shared pages) or MREMAP_DONTUNMAP leaves the old range mapped (empty).
 */
static void apply_mremap(struct mapped *mapped, struct mapping_counts *counts, struct sites *sites,
	const struct mapping_call *call)
{
	const struct event_mapping *event = call->event;
	uint64_t old_length = round_to_pages(event->old_length, call->page_size);
	uint64_t length = round_to_pages(event->length, call->page_size);
	struct mapped_range range = {
		.start = event->address,
		.end = end_of(event->address, length),
		.site = call->site,
		.kind = event->header.flags & MAPPING_BY_ALLOCATOR
				? MAPPED_ALLOCATOR
				: kind_at(mapped, event->old_address),
		.becomes = mapper_of(event),
	};

	counts->mremap_count++;
	if (old_length && !(event->map_flags & MREMAP_DONTUNMAP))
		counts->untracked_bytes +=
			old_length - unmap_range(mapped, &mapped->ranges, counts, sites,
					     event->old_address, old_length);
	counts->replaced_bytes += map_range(mapped, &mapped->ranges, counts, sites, range);
}

static void apply_brk(struct mapped *mapped, struct mapping_counts *counts, struct sites *sites,
	const struct mapping_call *call)
{
	const struct event_mapping *event = call->event;
	struct mapped_range range = {
		.start = event->old_address,
		.end = event->address,
		.site = call->site,
		.kind = mapper_of(event),
	};

	/* brk(0) only asks where the break is; without the break before, nothing is known. */
	if (event->address == event->old_address || !event->old_address)
		return;
	counts->brk_count++;
	if (event->address > event->old_address)
		counts->brk_grown_bytes += event->address - event->old_address;
	else
		counts->brk_shrunk_bytes += event->old_address - event->address;
	mapped->brk_bytes += (int64_t)(event->address - event->old_address);
	if (event->address > event->old_address)
		map_range(mapped, &mapped->grown, counts, sites, range);
	else
		unmap_range(mapped, &mapped->grown, counts, sites, event->address,
			event->old_address - event->address);
}

/* What was address space only has become memory. */
static void apply_mprotect(struct mapped *mapped, struct mapping_counts *counts,
	struct sites *sites, const struct mapping_call *call)
{
	const struct event_mapping *event = call->event;
	uint64_t length = round_to_pages(event->length, call->page_size);
	uint64_t end = end_of(event->address, length), at = event->address;
	const struct mapped_range *next;

	while (at < end && (next = mapped_ranges__next(&mapped->ranges, at)) && next->start < end) {
		struct mapped_range range = *next;

		at = range.end;
		if (range.kind != MAPPED_RESERVED)
			continue;
		if (range.start < event->address)
			range.start = event->address;
		if (range.end > end)
			range.end = end;
		range.kind =
			mapper_of(event) == MAPPED_ALLOCATOR ? MAPPED_ALLOCATOR : range.becomes;
		range.site = call->site;
		range.inherited = false;
		map_range(mapped, &mapped->ranges, counts, sites, range);
	}
}

void mappings__apply(struct mapped *mapped, struct mapping_counts *counts, struct sites *sites,
	const struct mapping_call *call)
{
	switch (call->event->header.function) {
	case FUNCTION_MMAP:
		apply_mmap(mapped, counts, sites, call);
		break;
	case FUNCTION_MUNMAP:
		apply_munmap(mapped, counts, sites, call);
		break;
	case FUNCTION_MREMAP:
		apply_mremap(mapped, counts, sites, call);
		break;
	case FUNCTION_MPROTECT:
		apply_mprotect(mapped, counts, sites, call);
		break;
	case FUNCTION_BRK:
		apply_brk(mapped, counts, sites, call);
		break;
	}
}

/* --- fork and the end */

int mappings__inherit(struct mapped *child, const struct mapped *parent)
{
	int err = mapped_ranges__copy(&child->ranges, &parent->ranges);

	if (!err)
		err = mapped_ranges__copy(&child->grown, &parent->grown);
	if (err)
		return err;
	vec_for_each (range, &child->ranges.list)
		range->inherited = true;
	vec_for_each (range, &child->grown.list)
		range->inherited = true;
	memcpy(child->kind_bytes, parent->kind_bytes, sizeof(child->kind_bytes));
	child->brk_bytes = parent->brk_bytes;
	return 0;
}

static void end_ranges(
	struct mapped *mapped, struct mapped_ranges *set, struct sites *sites, bool replaced)
{
	struct giver giver = {mapped, sites, 0};

	vec_for_each (range, &set->list) {
		struct site_mapped *site = sites->list.data[range->site].mapped;

		leave_books(&giver, range);
		if (is_growth(range) && site && !replaced)
			site->at_exit_bytes += range->end - range->start;
	}
	mapped_ranges__free(set);
}

void mappings__end(struct mapped *mapped, struct sites *sites, bool replaced)
{
	end_ranges(mapped, &mapped->ranges, sites, replaced);
	end_ranges(mapped, &mapped->grown, sites, replaced);
	mapped->brk_bytes = 0;
}

void mappings__free(struct mapped *mapped)
{
	mapped_ranges__free(&mapped->ranges);
	mapped_ranges__free(&mapped->grown);
}
