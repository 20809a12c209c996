/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Blocks that are pages which faults brought into memory (FUNCTION_PAGE_FAULT): the calls that
 * unmap or move pages are their frees.
 */
#include "heap/heap_private.h"

typedef VEC(struct block) block_list;

static uint64_t end_of(uint64_t address, uint64_t length)
{
	return address + length < address ? UINT64_MAX : address + length;
}

static void take_page(struct live_set *live, uint64_t address, block_list *taken)
{
	struct block block;

	if (vec_reserve(taken, taken->size + 1) || !live_set__remove(live, address, &block))
		return;
	taken->data[taken->size++] = block;
}

/* Takes the blocks in [start, end) out of the live set. What there is no memory for stays. */
static void take_range(
	struct heap *heap, struct live_set *live, uint64_t start, uint64_t end, block_list *taken)
{
	uint64_t page = heap->options.page_size;
	VEC(uint64_t) found = {0};

	if ((end - start) / page <= live_set__size(live)) {
		for (uint64_t at = start; at < end; at += page)
			take_page(live, at, taken);
		return;
	}
	live_set_for_each(cursor, live) if (cursor.block.address >= start &&
					    cursor.block.address < end &&
					    vec_push(&found, cursor.block.address)) break;
	vec_for_each (address, &found)
		take_page(live, *address, taken);
	vec_free(&found);
}

static void unmap(struct heap *heap, const struct record_origin *from, uint64_t start, uint64_t end,
	uint64_t time_ns)
{
	block_list taken = {0};

	take_range(heap, &from->space->live, start, end, &taken);
	vec_for_each (block, &taken)
		heap__book_free(heap, from, block, time_ns, false);
	vec_free(&taken);
}

/* The pages go along; those that the new place has no room for are gone. */
static void move(
	struct heap *heap, const struct record_origin *from, const struct event_mapping *event)
{
	block_list taken = {0};
	struct block before;

	if (!event->old_length || event->old_address == event->address) {
		if (event->length < event->old_length)
			unmap(heap, from, end_of(event->address, event->length),
				end_of(event->old_address, event->old_length),
				event->header.time_ns);
		return;
	}
	take_range(heap, &from->space->live, event->old_address,
		end_of(event->old_address, event->old_length), &taken);
	unmap(heap, from, event->address, end_of(event->address, event->length),
		event->header.time_ns);
	vec_for_each (block, &taken) {
		uint64_t into = block->address - event->old_address;
		int known;

		if (into >= event->length) {
			heap__book_free(heap, from, block, event->header.time_ns, false);
			continue;
		}
		block->address = event->address + into;
		known = live_set__put(&from->space->live, block, &before);
		if (known > 0)
			heap__book_implied_free(heap, from, &before);
		else if (known < 0)
			heap__forget_block(heap, from, block);
	}
	vec_free(&taken);
}

void pages__apply_mapping(
	struct heap *heap, const struct record_origin *from, const struct event_mapping *event)
{
	uint64_t time_ns = event->header.time_ns;

	switch (event->header.function) {
	case FUNCTION_MMAP:
	case FUNCTION_MUNMAP:
		unmap(heap, from, event->address, end_of(event->address, event->length), time_ns);
		break;
	case FUNCTION_MREMAP:
		move(heap, from, event);
		break;
	case FUNCTION_BRK:
		if (event->address < event->old_address)
			unmap(heap, from,
				(event->address + heap->options.page_size - 1) &
					-heap->options.page_size,
				event->old_address, time_ns);
		break;
	default:
		return;
	}
	books__settle(heap, from->space, time_ns);
}

int heap__pages(const struct heap *heap, size_t index, page_addresses *out)
{
	const struct process *process = heap->processes.data[index];
	int err = 0;

	if (process->end != PROCESS_RUNS || !heap->has_pages)
		return 0;
	live_set_for_each(cursor, &process->space->live) if (!err) err =
		vec_push(out, cursor.block.address);
	return err;
}
