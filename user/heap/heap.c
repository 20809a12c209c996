/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "heap/heap_private.h"
#include "heap/room.h"

/* Of what is bounded, the parts that have a share of their own. */
#define CELLS_PART 8
#define SHARES_PART 8

struct heap *heap__new(const struct heap_options *options)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		return NULL;
	heap->options = *options;
	heap->shrunk = SITE_FILTERED;
	if (!heap->options.page_size)
		heap->options.page_size = sysconf(_SC_PAGESIZE);
	heap__begin(heap, options->start_ns);
	if (sites__init(&heap->sites) ||
		shares__init(&heap->shares, options->memory_limit / SHARES_PART / ROOM_SHARE) ||
		vec_push(&heap->threads, (struct heap_thread){0})) {
		heap__free(heap);
		return NULL;
	}
	return heap;
}

void heap__begin(struct heap *heap, uint64_t start_ns)
{
	heap->options.start_ns = start_ns;
	heap->last_ns = start_ns;
	series__init(&heap->series, start_ns);
	slices__init(&heap->slices, start_ns,
		heap->options.memory_limit / CELLS_PART / sizeof(struct slice_cell));
}

void heap__free(struct heap *heap)
{
	if (!heap)
		return;
	vec_for_each (process, &heap->processes)
		heap__free_process(*process);
	vec_free(&heap->processes);
	process_map__free(&heap->by_number);
	vec_free(&heap->threads);
	vec_free(&heap->free_threads);
	left_map__free(&heap->left);
	sites__free(&heap->sites);
	slices__free(&heap->slices);
	shares__free(&heap->shares);
	free(heap);
}

/* The records of one thread come in runs, so this is mostly cached. */
static int find_origin(
	struct heap *heap, const struct event_header *event, struct record_origin *origin)
{
	struct process *process = heap__find_process(heap, event->process);

	if (!process)
		return -ENOMEM;
	if (process->end != PROCESS_RUNS) {
		heap->malformed_count++;
		return -EINVAL;
	}
	origin->process = process;
	origin->thread = heap__find_thread(heap, process, event->tid);
	origin->space = process->space;
	return 0;
}

static bool passes_filter(const struct heap *heap, uint64_t size)
{
	return size >= heap->options.min_size &&
	       (!heap->options.max_size || size <= heap->options.max_size);
}

/* --- frees */

static bool is_temporary(
	const struct thread *thread, const struct event_header *event, const struct block *block)
{
	return thread->last_sequence == event->thread_sequence &&
	       thread->last_address == block->address && thread->last_ns == block->time_ns;
}

static uint64_t time_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

void heap__book_free(struct heap *heap, const struct record_origin *from, const struct block *block,
	uint64_t time_ns, bool temporary)
{
	struct heap_counts *counts = &from->process->counts;
	struct heap_thread *totals = &heap->threads.data[from->thread->totals];
	struct site *site = &heap->sites.list.data[block_site(block)];

	if (is_filtered(block)) {
		counts->filtered_count++;
		return;
	}
	books__leave(heap, from->space, block);
	counts->free_count++;
	counts->freed_bytes += block->size;
	site->free_count++;
	site->freed_bytes += block->size;
	site__add_lifetime(site, time_between(block->time_ns, time_ns));
	totals->free_count++;
	series__at(&heap->series, time_ns)->free_count++;
	if (!temporary)
		return;
	counts->temporary_count++;
	counts->temporary_bytes += block->size;
	site->temporary_count++;
	shares__at(&heap->shares, site, block_site(block), from->thread->totals)->temporary_count++;
	totals->temporary_count++;
}

void heap__book_implied_free(
	struct heap *heap, const struct record_origin *from, const struct block *block)
{
	if (is_filtered(block))
		return;
	books__leave(heap, from->space, block);
	from->process->counts.implied_free_count++;
	from->process->counts.implied_free_bytes += block->size;
}

/*
 * The thread's realloc is over and has given up its old block: its end came, or a later record of
 * the thread shows that its end was lost.
 */
static void settle_pending_free(struct heap *heap, const struct record_origin *from)
{
	struct pending_realloc *pending = &from->thread->pending;

	heap->unfinished_reallocs -= pending->address != 0;
	if (pending->block.address)
		heap__book_free(heap, from, &pending->block, pending->begin_ns, pending->temporary);
	else if (pending->address)
		from->process->counts.untracked_free_count++;
	*pending = (struct pending_realloc){0};
}

static int apply_free(struct heap *heap, const struct event_free *event)
{
	struct record_origin from;
	struct block block;
	int err = find_origin(heap, &event->header, &from);

	if (err)
		return err;
	if (from.thread->pending.address)
		settle_pending_free(heap, &from);
	if (!live_set__remove(&from.space->live, event->address, &block)) {
		from.process->counts.untracked_free_count++;
		return 0;
	}
	heap__book_free(heap, &from, &block, event->header.time_ns,
		is_temporary(from.thread, &event->header, &block));
	books__settle(heap, from.space, event->header.time_ns);
	return 0;
}

/* --- allocations */

static void book_failure(
	struct heap *heap, const struct record_origin *from, uint64_t size, uint64_t stack)
{
	struct heap_counts *counts = &from->process->counts;

	if (!passes_filter(heap, size)) {
		counts->filtered_count++;
		return;
	}
	counts->failed_count++;
	/* What fails is often absurd: a few such requests exceed what 64 bits hold. */
	if (__builtin_add_overflow(counts->failed_bytes, size, &counts->failed_bytes))
		counts->failed_bytes = UINT64_MAX;
	heap->sites.list.data[heap__find_site(heap, from->process, stack)].failed_count++;
}

static void book_alloc(struct heap *heap, const struct record_origin *from,
	const struct block *block, uint8_t function)
{
	struct heap_counts *counts = &from->process->counts;
	struct heap_thread *totals = &heap->threads.data[from->thread->totals];
	struct site *site = &heap->sites.list.data[block->site];
	struct series_point *point;
	struct heap_share *share;

	if (is_filtered(block)) {
		counts->filtered_count++;
		return;
	}
	books__enter(heap, from->space, block);
	counts->alloc_count++;
	counts->alloc_bytes += block->size;
	site->alloc_count++;
	site->alloc_bytes += block->size;
	share = shares__at(&heap->shares, site, block->site, from->thread->totals);
	share->alloc_count++;
	share->alloc_bytes += block->size;
	site->functions |= 1u << (function & 31);
	totals->alloc_count++;
	totals->alloc_bytes += block->size;
	point = series__at(&heap->series, block->time_ns);
	point->alloc_count++;
	point->alloc_bytes += block->size;
}

void heap__forget_block(
	struct heap *heap, const struct record_origin *from, const struct block *block)
{
	if (is_filtered(block))
		return;
	books__leave(heap, from->space, block);
	from->process->counts.forgotten_count++;
	from->process->counts.forgotten_bytes += block->size;
}

/* As live_set__put; what is at the address already gives its room. */
static int track(struct heap *heap, struct heap_space *space, const struct block *block,
	struct block *before)
{
	if (!heap__has_room(heap, ROOM_BLOCK) &&
		!live_set__find(&space->live, block->address, NULL))
		return -ENOMEM;
	return live_set__put(&space->live, block, before);
}

static void add_block(struct heap *heap, const struct record_origin *from,
	const struct event_header *header, uint64_t address, uint64_t size, uint64_t stack)
{
	struct block block = {
		.address = address,
		.size = size,
		.time_ns = header->time_ns,
		.thread = from->thread->totals,
	};
	struct block before;
	int known;

	block.site = passes_filter(heap, size) ? heap__find_site(heap, from->process, stack)
					       : SITE_FILTERED;
	known = track(heap, from->space, &block, &before);
	if (known > 0)
		heap__book_implied_free(heap, from, &before);
	book_alloc(heap, from, &block, header->function);
	if (known < 0)
		heap__forget_block(heap, from, &block);
	from->thread->last_address = address & BLOCK_ADDRESS_MASK;
	from->thread->last_ns = header->time_ns;
	from->thread->last_sequence = header->thread_sequence;
}

static int apply_alloc(struct heap *heap, const struct event_alloc *event)
{
	struct record_origin from;
	int err = find_origin(heap, &event->header, &from);

	if (err)
		return err;
	if (from.thread->pending.address)
		settle_pending_free(heap, &from);
	if (event->header.kind == EVENT_ALLOC_FAILED || !event->address)
		book_failure(heap, &from, event->size, event->stack);
	else
		add_block(heap, &from, &event->header, event->address, event->size, event->stack);
	heap->has_pages |= event->header.function == FUNCTION_PAGE_FAULT;
	books__settle(heap, from.space, event->header.time_ns);
	return 0;
}

/* --- realloc */

/* The realloc failed: its block is live as it was. */
static void settle_pending_failure(struct heap *heap, const struct record_origin *from)
{
	struct block *old = &from->thread->pending.block, before;
	int known = old->address ? live_set__put(&from->space->live, old, &before) : 0;

	if (known > 0)
		heap__book_implied_free(heap, from, &before);
	else if (known < 0)
		heap__forget_block(heap, from, old);
	heap->unfinished_reallocs -= from->thread->pending.address != 0;
	from->thread->pending = (struct pending_realloc){0};
}

static int apply_realloc_begin(struct heap *heap, const struct event_free *event)
{
	struct pending_realloc *pending;
	struct record_origin from;
	int err = find_origin(heap, &event->header, &from);

	if (err)
		return err;
	settle_pending_free(heap, &from);
	pending = &from.thread->pending;
	heap->unfinished_reallocs++;
	pending->address = event->address;
	pending->begin_ns = event->header.time_ns;
	if (live_set__remove(&from.space->live, event->address, &pending->block))
		pending->temporary = is_temporary(from.thread, &event->header, &pending->block);
	return 0;
}

/* The begin was lost; the end still tells that the old block is gone. */
static void drop_old_block(struct heap *heap, const struct record_origin *from, uint64_t address)
{
	struct block block;

	if (live_set__remove(&from->space->live, address, &block))
		heap__book_implied_free(heap, from, &block);
}

static int apply_realloc_end(struct heap *heap, const struct event_realloc_end *event)
{
	struct record_origin from;
	int err = find_origin(heap, &event->header, &from);
	bool failed = event->header.flags == REALLOC_FAILED;

	if (err)
		return err;
	if (from.thread->pending.address != event->old_address) {
		settle_pending_free(heap, &from);
		if (!failed)
			drop_old_block(heap, &from, event->old_address);
	} else if (failed) {
		settle_pending_failure(heap, &from);
	} else {
		settle_pending_free(heap, &from);
	}
	if (failed)
		book_failure(heap, &from, event->size, event->stack);
	else if (event->header.flags == REALLOC_MOVED && event->address)
		add_block(heap, &from, &event->header, event->address, event->size, event->stack);
	books__settle(heap, from.space, event->header.time_ns);
	return 0;
}

/* --- mappings */

void heap__account_mapped(
	struct heap *heap, const struct heap_space *space, uint64_t before, uint64_t time_ns)
{
	heap->mapped_bytes += mapped__bytes(&space->mapped) - before;
	if (heap->mapped_bytes > heap->mapped_peak_bytes)
		heap->mapped_peak_bytes = heap->mapped_bytes;
	series__at(&heap->series, time_ns)->mapped_last = heap->mapped_bytes;
}

/* The record as this version has it: older recordings have no stack. */
static struct event_mapping whole_mapping(const struct event_mapping *event, size_t size)
{
	struct event_mapping whole = {0};

	memcpy(&whole, event, size < sizeof(whole) ? size : sizeof(whole));
	return whole;
}

static int apply_mapping(struct heap *heap, const struct event_mapping *record, size_t size)
{
	const struct event_mapping whole = whole_mapping(record, size), *event = &whole;
	struct mapping_call call = {.event = event, .page_size = heap->options.page_size};
	struct record_origin from;
	uint64_t before;
	int err = find_origin(heap, &event->header, &from);

	if (err)
		return err;
	before = mapped__bytes(&from.space->mapped);
	call.site = heap__find_site(heap, from.process, event->stack);
	mappings__apply(&from.space->mapped, &from.process->counts.mappings, &heap->sites, &call);
	heap__account_mapped(heap, from.space, before, event->header.time_ns);
	if (heap->has_pages)
		pages__apply_mapping(heap, &from, event);
	return 0;
}

/* --- dispatch */

/* The least size of a record of this kind; 0 for kinds that are not the heap's. */
static size_t record_size(uint8_t kind)
{
	static const uint8_t sizes[] = {
		[EVENT_ALLOC] = sizeof(struct event_alloc),
		[EVENT_ALLOC_FAILED] = sizeof(struct event_alloc),
		[EVENT_FREE] = sizeof(struct event_free),
		[EVENT_REALLOC_BEGIN] = sizeof(struct event_free),
		[EVENT_REALLOC_END] = sizeof(struct event_realloc_end),
		[EVENT_MAPPING] = EVENT_MAPPING_LEAST_SIZE,
		[EVENT_FORK] = sizeof(struct event_process),
		[EVENT_EXEC] = sizeof(struct event_process),
		[EVENT_EXIT] = sizeof(struct event_process),
		[EVENT_THREAD_EXIT] = sizeof(struct event_thread),
		[EVENT_MEMORY] = sizeof(struct event_memory),
	};

	return kind < sizeof(sizes) ? sizes[kind] : 0;
}

static int apply_life(struct heap *heap, const struct event_header *event)
{
	const struct event_process *process = (const void *)event;

	switch (event->kind) {
	case EVENT_FORK:
		return heap__apply_fork(heap, process);
	case EVENT_EXEC:
		ended__add_up(heap);
		return heap__apply_exec(heap, process);
	case EVENT_EXIT:
		heap__apply_exit(heap, process);
		ended__add_up(heap);
		return 0;
	default:
		heap__apply_thread_exit(heap, event);
		return 0;
	}
}

int heap__apply(struct heap *heap, const struct event_header *event, size_t size)
{
	size_t wanted = size < sizeof(*event) ? SIZE_MAX : record_size(event->kind);

	if (!wanted)
		return 0;
	if (size < wanted) {
		heap->malformed_count++;
		return -EINVAL;
	}
	if (event->time_ns > heap->last_ns)
		heap->last_ns = event->time_ns;
	if (event->time_ns >= heap->slices.end_ns)
		slices__advance(&heap->slices, &heap->sites, event->time_ns);
	switch (event->kind) {
	case EVENT_ALLOC:
	case EVENT_ALLOC_FAILED:
		return apply_alloc(heap, (const void *)event);
	case EVENT_FREE:
		return apply_free(heap, (const void *)event);
	case EVENT_REALLOC_BEGIN:
		return apply_realloc_begin(heap, (const void *)event);
	case EVENT_REALLOC_END:
		return apply_realloc_end(heap, (const void *)event);
	case EVENT_MAPPING:
		return apply_mapping(heap, (const void *)event, size);
	case EVENT_MEMORY:
		heap__apply_memory(heap, (const void *)event);
		return 0;
	default:
		return apply_life(heap, event);
	}
}

void heap__prefetch(const struct heap *heap, const struct event_header *event)
{
	const struct process *process = heap->latest_process;

	if (!process || process->number != event->process)
		return;
	switch (event->kind) {
	case EVENT_ALLOC:
		live_set__prefetch(&process->space->live, ((struct event_alloc *)event)->address);
		break;
	case EVENT_FREE:
	case EVENT_REALLOC_BEGIN:
		live_set__prefetch(&process->space->live, ((struct event_free *)event)->address);
		break;
	}
}
