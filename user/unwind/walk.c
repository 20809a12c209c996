/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/walk.h"

#include "base/search.h"
#include "process/memory.h"

static const struct unwind_target *target_of(const struct unwind_walk *w)
{
	return (const struct unwind_target *)(uintptr_t)w->context;
}

static int unwind_read(struct unwind_walk *w, void *to, uint32_t size, uint64_t address)
{
	const struct unwind_target *target = target_of(w);

	return target->read(target->context, to, size, address);
}

static const struct unwind_mapping *find_mapping(const struct unwind_target *target, uint64_t pc)
{
	const struct unwind_mapping *mappings = target->mappings;
	size_t after = search_first(
		target->mapping_count, i, unwind_mapping__first_pc(&mappings[i]) <= pc);

	return after && pc < mappings[after - 1].end ? &mappings[after - 1] : NULL;
}

static uint32_t unwind_find_rule(struct unwind_walk *w, uint64_t pc)
{
	const struct unwind_mapping *mapping = find_mapping(target_of(w), pc);

	if (!mapping)
		return UNWIND_OUTSIDE;
	if (mapping->is_uprobes)
		return UNWIND_UPROBES;
	if (!mapping->table)
		return UNWIND_NO_RULE;
	return unwind_table__find(mapping->table, pc - mapping->bias);
}

/* A rare rule's index is local to its table, and the table is that of the pc. */
static int unwind_find_rare(struct unwind_walk *w, uint32_t index, struct unwind_rare *rare)
{
	const struct unwind_mapping *mapping = find_mapping(target_of(w), w->pc - 1);

	if (!mapping || !mapping->table || index >= mapping->table->rare_count)
		return -ENOENT;
	*rare = mapping->table->rare[index];
	return 0;
}

#include "unwind_step.h"

int unwind__walk_native(const struct unwind_target *target, struct unwind_walk *walk,
	uint32_t limit, enum unwind_start start)
{
	int stop;

	walk->context = (uintptr_t)target;
	unwind_begin(walk, limit, start);
	do {
		uint32_t count = walk->record.frame_count;
		uint64_t sp = walk->sp;

		stop = unwind_frame(walk);
		if (target->stack_pointers && walk->record.frame_count > count)
			target->stack_pointers[count] = sp;
	} while (stop == UNWIND_CONTINUE);
	unwind_end(walk, start, stop);
	return stop;
}

int unwind__read_process(void *context, void *to, size_t size, uint64_t address)
{
	return memory__read_all(*(const pid_t *)context, address, to, size);
}
