/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Questions to the heap model; none changes it. */
#include <string.h>

#include "heap/heap_private.h"

void heap__size_filter(const struct heap *heap, uint64_t *min_size, uint64_t *max_size)
{
	*min_size = heap->options.min_size;
	*max_size = heap->options.max_size;
}

static uint64_t since_start(const struct heap *heap, uint64_t time_ns)
{
	return time_ns > heap->options.start_ns ? time_ns - heap->options.start_ns : 0;
}

/* struct heap_counts is nothing but uint64_t counters, so adding is by index. */
void heap_counts__add(struct heap_counts *sum, const struct heap_counts *counts)
{
	const uint64_t *from = (const uint64_t *)counts;
	uint64_t *to = (uint64_t *)sum;

	_Static_assert(sizeof(*sum) % sizeof(*to) == 0, "");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static void add_residence(struct heap_residence *sum, const struct heap_process *process)
{
	const struct heap_memory *memory = &process->memory;
	const struct heap_counts *counts = &process->counts;

	if (!memory->resident_bytes && !memory->peak_bytes)
		return;
	sum->process_count++;
	sum->resident_bytes += memory->resident_bytes;
	sum->anonymous_bytes += memory->anonymous_bytes;
	sum->peak_bytes += memory->peak_bytes;
	sum->allocator_bytes += process->allocator_bytes;
	sum->live_bytes += process->end == PROCESS_RUNS
				   ? process->live_bytes + process->inherited_live_bytes
				   : counts->at_exit_bytes + counts->at_exit_inherited_bytes;
}

static void sum_up_residence(const struct heap *heap, struct heap_residence *sum)
{
	struct heap_process process;
	bool runs = heap__runs(heap);
	uint64_t ended = heap->ended_count;

	vec_for_each (listed, &heap->processes)
		ended += (*listed)->end == PROCESS_EXITED;
	for (size_t i = 0; i < heap->processes.size && (runs || ended == 1); i++) {
		heap__process(heap, i, &process);
		if (process.end == (runs ? PROCESS_RUNS : PROCESS_EXITED) && !process.shares_memory)
			add_residence(sum, &process);
	}
}

void heap__totals(const struct heap *heap, struct heap_totals *totals)
{
	*totals = (struct heap_totals){
		.live_count = heap->live_count,
		.live_bytes = heap->live_bytes,
		.inherited_live_count = heap->inherited_live_count,
		.inherited_live_bytes = heap->inherited_live_bytes,
		.peak_count = heap->peak_count,
		.peak_bytes = heap->peak_bytes,
		.peak_inherited_bytes = heap->peak_inherited_bytes,
		.peak_at_ns = since_start(heap, heap->peak_at_ns),
		.mapped_bytes = heap->mapped_bytes,
		.mapped_peak_bytes = heap->mapped_peak_bytes,
		.malformed_count = heap->malformed_count,
		.unfinished_reallocs = heap->unfinished_reallocs,
		.last_ns = since_start(heap, heap->last_ns),
	};
	totals->counts = heap->ended_counts;
	memcpy(totals->mapped_kinds, heap->at_exit_kinds, sizeof(totals->mapped_kinds));
	vec_for_each (process, &heap->processes) {
		heap_counts__add(&totals->counts, &(*process)->counts);
		if ((*process)->shares_memory)
			continue;
		for (int kind = 0; kind < MAPPED_KIND_COUNT; kind++)
			totals->mapped_kinds[kind] += (*process)->space->mapped.kind_bytes[kind];
	}
	sum_up_residence(heap, &totals->residence);
}

uint64_t heap__seen(const struct heap_totals *totals)
{
	const struct heap_counts *counts = &totals->counts;

	return counts->alloc_count + counts->failed_count + counts->free_count +
	       counts->untracked_free_count + counts->filtered_count + totals->unfinished_reallocs;
}

const struct site *heap__sites(const struct heap *heap, size_t *count)
{
	*count = heap->sites.list.size;
	return heap->sites.list.data;
}

const struct site_frame *heap__frames(const struct heap *heap, const struct site *site)
{
	return heap->sites.frames.data + site->first_frame;
}

void heap__site_at_peak(
	const struct heap *heap, const struct site *site, uint64_t *count, uint64_t *bytes)
{
	site__at_peak(site, heap->peak_epoch, count, bytes);
}

uint64_t heap__forgotten_count(const struct heap *heap)
{
	uint64_t count = heap->ended_counts.forgotten_count;

	vec_for_each (process, &heap->processes)
		count += (*process)->counts.forgotten_count;
	return count;
}

uint64_t heap__refused_stacks(const struct heap *heap)
{
	return heap->sites.refused;
}

size_t heap__process_count(const struct heap *heap)
{
	return heap->processes.size;
}

uint64_t heap__unlisted_count(const struct heap *heap)
{
	return heap->ended_count;
}

void heap__process(const struct heap *heap, size_t index, struct heap_process *out)
{
	const struct process *process = heap->processes.data[index];
	const struct heap_space *space = process->space;

	*out = (struct heap_process){
		.number = process->number,
		.parent = process->parent_number,
		.pid = process->pid,
		.end = process->end,
		.exit_status = process->exit_status,
		.start_ns = since_start(heap, process->start_ns),
		.end_ns = since_start(heap, process->end_ns),
		.counts = process->counts,
		.shares_memory = process->shares_memory,
	};
	memcpy(out->comm, process->comm, sizeof(out->comm));
	if (process->shares_memory)
		return;
	out->live_count = space->live_count;
	out->live_bytes = space->live_bytes;
	out->inherited_live_count = space->inherited_count;
	out->inherited_live_bytes = space->inherited_bytes;
	out->peak_bytes = space->peak_bytes;
	out->mapped_bytes = mapped__bytes(&space->mapped);
	out->allocator_bytes = process->end == PROCESS_RUNS
				       ? space->mapped.kind_bytes[MAPPED_ALLOCATOR]
				       : process->allocator_bytes;
	out->memory = process->memory;
}

const struct heap_thread *heap__threads(const struct heap *heap, size_t *count)
{
	*count = heap->threads.size;
	return heap->threads.data;
}

const struct heap_share *heap__shares(const struct heap *heap, size_t *count)
{
	*count = heap->shares.list.size - 1;
	return heap->shares.list.data + 1;
}

const struct series *heap__series(const struct heap *heap)
{
	return &heap->series;
}

int heap__slices(const struct heap *heap, struct heap_slices *out)
{
	const struct slices *slices = &heap->slices;

	out->width_ns = 1ull << slices->shift;
	out->count = slices->current + 1;
	out->lost = slices->lost;
	if (vec_reserve(&out->cells, slices->cells.size + heap->sites.list.size))
		return -ENOMEM;
	if (slices->cells.size)
		memcpy(out->cells.data, slices->cells.data,
			slices->cells.size * sizeof(*out->cells.data));
	out->cells.size = slices->cells.size;
	for (size_t id = 0; id < heap->sites.list.size; id++) {
		struct slice_cell cell = slices__latest(&heap->sites.list.data[id], id);

		if (cell.alloc_count)
			out->cells.data[out->cells.size++] = cell;
	}
	return 0;
}

bool heap__runs(const struct heap *heap)
{
	return heap->processes.size > heap->kept_ended;
}

int heap__growth(const struct heap *heap, uint64_t now_ns, struct growth *out, size_t count)
{
	struct growth_options options = {
		.slice_shift = heap->slices.shift,
		.with_left = !heap__runs(heap),
		.site_count = count < heap->sites.list.size ? count : heap->sites.list.size,
	};
	struct growths growths;
	int err;

	/* What comes after the last process's end is not time in which something could have grown.
	 */
	if (!heap__runs(heap))
		now_ns = heap->last_ns;
	options.now_slice = since_start(heap, now_ns) >> heap->slices.shift;
	if (options.now_slice < heap->slices.current)
		options.now_slice = heap->slices.current;
	err = growth__start(&growths, &options);
	if (err)
		return err;
	vec_for_each (cell, &heap->slices.cells)
		growth__add(&growths, cell);
	for (size_t id = 0; id < options.site_count; id++) {
		struct slice_cell cell = slices__latest(&heap->sites.list.data[id], id);

		if (cell.alloc_count)
			growth__add(&growths, &cell);
	}
	growth__finish(&growths, out, count);
	return 0;
}

struct visit {
	uint64_t until_ns;
	bool ended;
	heap_visit_fn *call;
	void *context;
};

static void visit_block(const struct visit *visit, const struct block *block)
{
	bool copy = block->site & BLOCK_INHERITED;

	if (is_filtered(block) || (visit->ended && copy))
		return;
	visit->call(visit->context, block,
		visit->until_ns > block->time_ns ? visit->until_ns - block->time_ns : 0,
		visit->ended ? VISITED_LEFT
		: copy	     ? VISITED_COPY
			     : VISITED_LIVE);
}

static void visit_process(struct visit *visit, const struct process *process)
{
	if (!process->shares_memory)
		live_set_for_each(at, &process->space->live) visit_block(visit, &at.block);
	hash_for_each (slot, &process->threads)
		if (slot->value->pending.block.address)
			visit_block(visit, &slot->value->pending.block);
}

void heap__visit_live(const struct heap *heap, uint64_t now_ns, heap_visit_fn *call, void *context)
{
	vec_for_each (process, &heap->processes) {
		struct visit visit = {
			.until_ns = now_ns,
			.ended = !(*process)->space->users,
			.call = call,
			.context = context,
		};

		if (visit.ended)
			visit.until_ns = (*process)->end_ns;
		visit_process(&visit, *process);
	}
}

void heap__visit_left(const struct heap *heap, heap_visit_left_fn *call, void *context)
{
	hash_for_each (slot, &heap->left)
		call(context, &slot->value);
}

static void visit_mapped(
	const struct mapped_ranges *ranges, heap_visit_mapped_fn *visit, void *context)
{
	vec_for_each (range, &ranges->list)
		visit(context, range);
}

bool heap__visit_image(const struct heap *heap, uint32_t number, heap_visit_block_fn *visit,
	heap_visit_mapped_fn *visit_mapping, void *context)
{
	const struct process *process = NULL;

	vec_for_each (known, &heap->processes)
		if ((*known)->number == number)
			process = *known;
	if (!process || process->shares_memory)
		return false;
	live_set_for_each(at, &process->space->live) visit(context, &at.block);
	hash_for_each (slot, &process->threads)
		if (slot->value->pending.block.address)
			visit(context, &slot->value->pending.block);
	visit_mapped(&process->space->mapped.ranges, visit_mapping, context);
	visit_mapped(&process->space->mapped.grown, visit_mapping, context);
	return true;
}

void heap__watch_ends(struct heap *heap, heap_end_fn *call, void *context)
{
	heap->watch_ends = call;
	heap->ends_context = context;
}
