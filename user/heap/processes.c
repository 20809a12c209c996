/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <string.h>

#include "heap/heap_private.h"
#include "heap/room.h"

static void free_space(struct heap_space *space)
{
	live_set__free(&space->live);
	mappings__free(&space->mapped);
	free(space);
}

static void free_threads(struct process *process)
{
	hash_for_each (slot, &process->threads)
		free(slot->value);
	thread_map__free(&process->threads);
	process->latest_thread = NULL;
}

void heap__free_process(struct process *process)
{
	free_threads(process);
	stack_map__free(&process->stacks);
	if (process->space && --process->space->references == 0)
		free_space(process->space);
	free(process);
}

/* A process that works on @space, or on a new one if that is NULL. NULL: no memory. */
static struct process *add_process(struct heap *heap, uint32_t number, struct heap_space *space)
{
	struct process *process = calloc(1, sizeof(*process)), **entry;

	if (!process)
		return NULL;
	process->number = number;
	process->start_ns = heap->last_ns;
	process->space = space ? space : calloc(1, sizeof(*space));
	if (!process->space)
		goto no_memory;
	process->space->references++;
	if (vec_reserve(&heap->processes, heap->processes.size + 1))
		goto no_memory;
	entry = process_map__insert(&heap->by_number, number);
	if (!entry)
		goto no_memory;
	*entry = process;
	process->space->users++;
	heap->processes.data[heap->processes.size++] = process;
	return process;
no_memory:
	heap__free_process(process);
	return NULL;
}

static struct process *known_process(struct heap *heap, uint32_t number)
{
	struct process **entry = process_map__find(&heap->by_number, number);

	return entry ? *entry : NULL;
}

struct process *heap__find_process(struct heap *heap, uint32_t number)
{
	struct process *process = heap->latest_process;

	if (process && process->number == number)
		return process;
	process = known_process(heap, number);
	if (!process)
		process = add_process(heap, number, NULL);
	if (process)
		heap->latest_process = process;
	return process;
}

static void name_process(struct process *process, uint32_t pid, const char *comm)
{
	process->pid = pid;
	memset(process->comm, 0, sizeof(process->comm));
	if (comm)
		memcpy(process->comm, comm, strnlen(comm, EVENT_COMM_SIZE - 1));
}

int heap__add_process(struct heap *heap, uint32_t number, uint32_t pid, const char *comm)
{
	struct process *process = heap__find_process(heap, number);

	if (!process)
		return -ENOMEM;
	name_process(process, pid, comm);
	return 0;
}

/* The index of a new thread's totals; the first entry is everyone's once the list is full. */
static uint32_t add_thread_totals(struct heap *heap, uint32_t process, uint32_t tid)
{
	struct heap_thread totals = {.process = process, .tid = tid};

	if (heap->free_threads.size) {
		uint32_t place = heap->free_threads.data[--heap->free_threads.size];

		heap->threads.data[place] = totals;
		return place;
	}
	if (heap->threads.size >= HEAP_MAX_THREADS || vec_push(&heap->threads, totals))
		return 0;
	return heap->threads.size - 1;
}

struct thread *heap__find_thread(struct heap *heap, struct process *process, uint32_t tid)
{
	struct thread *thread = process->latest_thread, **entry;

	if (thread && thread->tid == tid)
		return thread;
	entry = thread_map__find(&process->threads, tid);
	if (entry)
		return process->latest_thread = *entry;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return &process->spare;
	entry = thread_map__insert(&process->threads, tid);
	if (!entry) {
		free(thread);
		return &process->spare;
	}
	*entry = thread;
	thread->tid = tid;
	thread->totals = add_thread_totals(heap, process->number, tid);
	return process->latest_thread = thread;
}

/* Notes that @stack of @process led to @site. 0 or -ENOMEM. */
static int note_stack(struct heap *heap, struct process *process, uint64_t stack, uint32_t site)
{
	size_t before = process->stacks.size;
	uint32_t *own = stack_map__insert(&process->stacks, stack);

	if (!own)
		return -ENOMEM;
	heap->stack_count += process->stacks.size - before;
	*own = site;
	return 0;
}

uint32_t heap__find_site(struct heap *heap, struct process *process, uint64_t stack)
{
	uint32_t *own, *site;

	if (!stack)
		return SITE_NO_STACK;
	own = stack_map__find(&process->stacks, stack);
	if (own)
		return *own;
	for (struct process *p = process->parent; p; p = p->parent) {
		site = stack_map__find(&p->stacks, stack);
		if (!site)
			continue;
		if (heap__has_site_room(heap, ROOM_STACK))
			note_stack(heap, process, stack, *site);
		return *site;
	}
	/* Those that found no room are not kept: there may be any number of them. */
	return heap->options.memory_limit && heap->sites.refused ? SITE_TABLE_FULL
								 : SITE_STACK_LOST;
}

uint32_t heap__site_of(struct heap *heap, uint32_t number, uint64_t stack)
{
	struct process *process = heap__find_process(heap, number);

	return process ? heap__find_site(heap, process, stack) : SITE_STACK_LOST;
}

int heap__define_stack(struct heap *heap, uint32_t number, uint64_t stack,
	const struct site_frame *frames, size_t count, enum stack_stop stop)
{
	struct process *process = heap__find_process(heap, number);
	uint32_t site;

	if (!process)
		return -ENOMEM;
	heap->sites.is_closed =
		!heap__has_site_room(heap, ROOM_STACK + ROOM_SITE + count * ROOM_FRAME);
	site = sites__intern(&heap->sites, frames, count, stop);
	if (heap->options.memory_limit &&
		(site == SITE_TABLE_FULL || !heap__has_site_room(heap, ROOM_STACK)))
		return 0;
	return note_stack(heap, process, stack, site);
}

/* The child's copies of the parent's blocks. */
static int inherit_blocks(struct heap *heap, struct process *child, const struct heap_space *from)
{
	struct heap_space *space = child->space;
	uint64_t bytes = live_set__size(&from->live) * ROOM_BLOCK;
	int err = heap__has_room(heap, bytes) ? 0 : -ENOMEM;

	if (!err)
		err = live_set__copy(&space->live, &from->live, NULL, BLOCK_INHERITED);

	if (err)
		return mappings__inherit(&space->mapped, &from->mapped) ? -ENOMEM : err;
	live_set_for_each(at, &space->live) books__enter(heap, space, &at.block);
	child->counts.inherited_count = space->inherited_count;
	child->counts.inherited_bytes = space->inherited_bytes;
	return mappings__inherit(&space->mapped, &from->mapped);
}

int heap__apply_fork(struct heap *heap, const struct event_process *event)
{
	struct process *parent = heap__find_process(heap, event->parent_process);
	bool shares = event->header.flags & 1;
	struct process *child;
	int err = 0;

	if (!parent)
		return -ENOMEM;
	/* A child that has records already is too late to inherit; the dead have no children. */
	if (known_process(heap, event->header.process) || parent->end != PROCESS_RUNS)
		return 0;
	child = add_process(heap, event->header.process, shares ? parent->space : NULL);
	if (!child)
		return -ENOMEM;
	name_process(child, event->pid, event->comm);
	child->start_ns = event->header.time_ns;
	child->parent = parent;
	child->parent_number = parent->number;
	child->shares_memory = shares;
	parent->heirs++;
	if (!shares) {
		err = inherit_blocks(heap, child, parent->space);
		heap__account_mapped(heap, child->space, 0, event->header.time_ns);
	}
	books__settle(heap, child->space, event->header.time_ns);
	return err;
}

/* A call of the process that never returned: its block is where it was. */
static void put_back_pending(struct heap *heap, struct process *process, struct thread *thread)
{
	struct block *block = &thread->pending.block, before;
	struct heap_space *space = process->space;

	/* Else someone has got the address meanwhile, or there is no memory. */
	if (block->address && (live_set__find(&space->live, block->address, NULL) ||
				      live_set__put(&space->live, block, &before))) {
		books__leave(heap, space, block);
		process->counts.implied_free_count += !is_filtered(block);
		process->counts.implied_free_bytes += is_filtered(block) ? 0 : block->size;
	}
	thread->pending = (struct pending_realloc){0};
}

void heap__apply_thread_exit(struct heap *heap, const struct event_header *event)
{
	struct process *process = heap__find_process(heap, event->process);
	struct thread **entry, *thread;

	entry = process ? thread_map__find(&process->threads, event->tid) : NULL;
	if (!entry)
		return;
	thread = *entry;
	put_back_pending(heap, process, thread);
	thread_map__remove(&process->threads, event->tid, NULL);
	if (process->latest_thread == thread)
		process->latest_thread = NULL;
	free(thread);
}

static void discard_block(struct heap_counts *counts, const struct block *block)
{
	if (block->site & BLOCK_INHERITED) {
		counts->inherited_dropped_count++;
		counts->inherited_dropped_bytes += block->size;
	} else {
		counts->exec_discarded_count++;
		counts->exec_discarded_bytes += block->size;
	}
}

static void leave_at_end(struct heap *heap, struct process *process, const struct block *block)
{
	struct heap_counts *counts = &process->counts;

	if (process->end == PROCESS_REPLACED) {
		books__leave(heap, process->space, block);
		discard_block(counts, block);
		return;
	}
	books__leave_at_exit(heap, process->space, block);
	if (block->site & BLOCK_INHERITED) {
		counts->at_exit_inherited_count++;
		counts->at_exit_inherited_bytes += block->size;
	} else {
		counts->at_exit_count++;
		counts->at_exit_bytes += block->size;
	}
}

static bool has_age_shown(const struct block *block)
{
	return !(block->site & BLOCK_INHERITED) && !is_filtered(block);
}

/* Keeps of an ended process only the blocks whose ages a report shows; returns how many. */
static size_t keep_blocks_at_exit(struct heap *heap, struct live_set *live)
{
	struct live_set kept;

	/* Without memory for it they stay: visits tell them apart, too. */
	if (heap__has_room(heap, live_set__size(live) * ROOM_BLOCK) &&
		!live_set__copy(&kept, live, has_age_shown, 0)) {
		live_set__free(live);
		*live = kept;
	}
	return live_set__size(live);
}

/* The last process that worked on a space is gone. */
static void end_space(struct heap *heap, struct process *process)
{
	struct heap_space *space = process->space;
	uint64_t mapped = mapped__bytes(&space->mapped);

	live_set_for_each(at, &space->live) if (!is_filtered(&at.block))
		leave_at_end(heap, process, &at.block);
	if (process->end == PROCESS_EXITED)
		heap->kept_blocks += keep_blocks_at_exit(heap, &space->live);
	else
		live_set__free(&space->live);
	process->allocator_bytes = space->mapped.kind_bytes[MAPPED_ALLOCATOR];
	if (process->end == PROCESS_EXITED)
		for (int kind = 0; kind < MAPPED_KIND_COUNT; kind++)
			heap->at_exit_kinds[kind] += space->mapped.kind_bytes[kind];
	mappings__end(&space->mapped, &heap->sites, process->end == PROCESS_REPLACED);
	heap__account_mapped(heap, space, mapped, process->end_ns);
}

/* Stacks are needed while the process runs or one does that was forked from it. */
static void release_stacks(struct heap *heap, struct process *process)
{
	while (process && process->end != PROCESS_RUNS && !process->heirs) {
		struct process *parent = process->parent;

		heap->stack_count -= process->stacks.size;
		stack_map__free(&process->stacks);
		process->parent = NULL;
		if (parent)
			parent->heirs--;
		process = parent;
	}
}

static void end_process(
	struct heap *heap, struct process *process, enum process_end end, uint64_t time_ns)
{
	if (process->end != PROCESS_RUNS)
		return;
	process->end = end;
	process->end_ns = time_ns;
	heap->kept_ended++;
	hash_for_each (slot, &process->threads)
		put_back_pending(heap, process, slot->value);
	free_threads(process);
	if (end == PROCESS_EXITED && heap->watch_ends)
		heap->watch_ends(heap->ends_context, process->number);
	if (--process->space->users == 0)
		end_space(heap, process);
	books__settle(heap, process->space, time_ns);
	release_stacks(heap, process);
	if (heap->latest_process == process)
		heap->latest_process = NULL;
}

int heap__apply_exec(struct heap *heap, const struct event_process *event)
{
	struct process *old = known_process(heap, event->parent_process);
	struct process *process;

	if (old)
		end_process(heap, old, PROCESS_REPLACED, event->header.time_ns);
	process = heap__find_process(heap, event->header.process);
	if (!process)
		return -ENOMEM;
	name_process(process, event->pid, event->comm);
	process->start_ns = event->header.time_ns;
	process->parent_number = event->parent_process;
	return 0;
}

void heap__apply_memory(struct heap *heap, const struct event_memory *event)
{
	struct process *process = known_process(heap, event->header.process);
	uint64_t page_size = heap->options.page_size;

	if (!process || process->end != PROCESS_RUNS)
		return;
	process->memory = (struct heap_memory){
		.resident_bytes = event->resident_pages * page_size,
		.anonymous_bytes = event->anonymous_pages * page_size,
		.peak_bytes = event->peak_pages * page_size,
	};
}

void heap__apply_exit(struct heap *heap, const struct event_process *event)
{
	struct process *process = known_process(heap, event->header.process);

	if (!process)
		return;
	process->exit_status = event->exit_status;
	end_process(heap, process, PROCESS_EXITED, event->header.time_ns);
}
