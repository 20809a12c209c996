/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "heap/ended.h"

#include "heap/heap_private.h"
#include "heap/room.h"

/*
 * Its stacks are no longer needed, no block of a running process bears the number of one of its
 * threads, and nobody else works on its memory.
 */
static bool may_go(const struct process *process)
{
	if (process->end == PROCESS_RUNS || process->heirs)
		return false;
	return process->shares_memory ? !process->counts.alloc_count : !process->space->users;
}

static uint64_t age_class(uint32_t site, uint64_t age_ns)
{
	return (uint64_t)site << 8 | (63 - __builtin_clzll(age_ns | 1));
}

/* Without memory for it a block is in the counts only, as copies at exit are. */
static void leave_block(struct heap *heap, const struct block *block, uint64_t end_ns)
{
	uint64_t age = end_ns > block->time_ns ? end_ns - block->time_ns : 0;
	struct left_blocks *left;

	if (is_filtered(block) || block->site & BLOCK_INHERITED)
		return;
	if (!heap__has_room(heap, ROOM_LEFT))
		return;
	left = left_map__insert(&heap->left, age_class(block_site(block), age));
	if (!left)
		return;
	left->site = block_site(block);
	left->count++;
	left->bytes += block->size;
	left->age_sum_ns += age;
	if (age > left->oldest_ns)
		left->oldest_ns = age;
}

/* The process stays in the list, with its counts. */
static void add_up_blocks(struct heap *heap, struct process *process)
{
	struct live_set *live = &process->space->live;

	if (process->shares_memory || process->space->users)
		return;
	heap->kept_blocks -= live_set__size(live);
	live_set_for_each(at, live) leave_block(heap, &at.block, process->end_ns);
	live_set__free(live);
}

static void add_up_process(struct heap *heap, struct process *process)
{
	heap_counts__add(&heap->ended_counts, &process->counts);
	heap->ended_count++;
	heap->kept_ended--;
	add_up_blocks(heap, process);
	process_map__remove(&heap->by_number, process->number, NULL);
	if (heap->latest_process == process)
		heap->latest_process = NULL;
	heap__free_process(process);
}

/* The totals of threads of processes that are gone are added to "all others", their places free. */
static void add_up_threads(struct heap *heap, bool *is_gone)
{
	struct heap_thread *threads = heap->threads.data;

	for (uint32_t i = 1; i < heap->threads.size; i++) {
		if (!threads[i].process ||
			process_map__find(&heap->by_number, threads[i].process) ||
			vec_push(&heap->free_threads, i))
			continue;
		threads[0].alloc_count += threads[i].alloc_count;
		threads[0].alloc_bytes += threads[i].alloc_bytes;
		threads[0].free_count += threads[i].free_count;
		threads[0].temporary_count += threads[i].temporary_count;
		threads[i] = (struct heap_thread){0};
		is_gone[i] = true;
	}
}

static void add_up_processes(struct heap *heap)
{
	size_t to_go = ENDED_LIMIT / 2, kept = 0;
	bool *is_gone = calloc(heap->threads.size, sizeof(*is_gone));

	if (!is_gone)
		return;
	vec_for_each (process, &heap->processes) {
		if (to_go && may_go(*process)) {
			add_up_process(heap, *process);
			to_go--;
		} else {
			heap->processes.data[kept++] = *process;
		}
	}
	heap->processes.size = kept;
	add_up_threads(heap, is_gone);
	shares__add_up(&heap->shares, &heap->sites, is_gone);
	free(is_gone);
}

void ended__add_up(struct heap *heap)
{
	bool has_room;
	size_t spared;

	if (heap->kept_ended >= ENDED_LIMIT)
		add_up_processes(heap);
	has_room = heap__has_room(heap, 0);
	if (heap->kept_blocks <= (has_room ? ENDED_BLOCKS : 0))
		return;
	spared = has_room ? ENDED_WITH_BLOCKS : 0;
	for (size_t i = 0; i + spared < heap->processes.size; i++) {
		add_up_blocks(heap, heap->processes.data[i]);
		if (heap->kept_blocks <= ENDED_BLOCKS / 2 && has_room)
			break;
	}
}
