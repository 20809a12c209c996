/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/dwarf_unit.h"

#include <dwarf.h>

/*
 * Bounds for hostile input. The largest functions known have some 100,000 DIEs; scopes nest some 30
 * deep; a function split by the compiler has a few ranges.
 */
#define MAX_DIES 4000000
#define MAX_DEPTH 256
#define MAX_RANGES 65536

void dwarf__each_range(
	Dwarf_Die *die, bool (*each)(void *context, uint64_t start, uint64_t end), void *context)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;

	for (size_t i = 0; i < MAX_RANGES; i++) {
		offset = dwarf_ranges(die, offset, &base, &start, &end);
		if (offset <= 0)
			return;
		if (start < end && !each(context, start, end))
			return;
	}
}

/* Moves @die to its next sibling; false at the last, and where hostile offsets go backwards. */
static bool go_to_sibling(Dwarf_Die *die)
{
	Dwarf_Off before = dwarf_dieoffset(die);

	return dwarf_siblingof(die, die) == 0 && dwarf_dieoffset(die) > before;
}

struct range_sink {
	struct range_index *index;
	uint32_t rank;
	uint32_t value;
	uint64_t lowest;
};

static bool sink_range(void *context, uint64_t start, uint64_t end)
{
	struct range_sink *sink = context;

	if (start < sink->lowest)
		sink->lowest = start;
	return range_index__add(sink->index, start, end, sink->rank, sink->value) == 0;
}

static bool add_function(void *context, Dwarf_Die *die)
{
	struct dwarf_unit *unit = context;
	struct range_sink sink = {&unit->ranges, 0, unit->functions.size, UINT64_MAX};

	if (vec_push(&unit->functions, (struct dwarf_function){.die = *die}))
		return false;
	dwarf__each_range(die, sink_range, &sink);
	unit->functions.data[sink.value].start = sink.lowest;
	return true;
}

const struct dwarf_sections *dwarf_unit__function_sections(
	struct dwarf_unit *unit, const struct dwarf_sections *sections)
{
	return unit->split ? &unit->split->sections : sections;
}

struct dwarf_lines *dwarf_unit__function_files(struct dwarf_unit *unit)
{
	return unit->split && unit->split->lines.files.size ? &unit->split->lines : &unit->lines;
}

static void read_functions(struct dwarf_unit *unit, const struct dwarf_sections *sections, int fd)
{
	unit->functions_read = true;
	if (unit->is_skeleton)
		unit->split = split_unit__open(&unit->die, sections, fd);
	/* What was found before an error is good. */
	dwarf_scan__functions(dwarf_unit__function_sections(unit, sections),
		unit->split ? &unit->split->die : &unit->die, add_function, unit);
	range_index__sort(&unit->ranges);
}

struct dwarf_function *dwarf_unit__find_function(
	struct dwarf_unit *unit, const struct dwarf_sections *sections, int fd, uint64_t address)
{
	const struct range *range;

	if (!unit->functions_read)
		read_functions(unit, sections, fd);
	range = range_index__find(&unit->ranges, address);
	return range ? &unit->functions.data[range->value] : NULL;
}

struct dwarf_lines *dwarf_unit__lines(
	struct dwarf_unit *unit, const struct dwarf_sections *sections)
{
	if (!unit->lines_read)
		dwarf_lines__read(sections, &unit->die, &unit->lines);
	unit->lines_read = true;
	return &unit->lines;
}

static void add_inline(struct dwarf_function *function, Dwarf_Die *die, uint32_t depth)
{
	struct range_sink sink = {&function->ranges, depth, function->inlines.size, 0};

	if (vec_push(&function->inlines, (struct dwarf_inline){*die, depth}) == 0)
		dwarf__each_range(die, sink_range, &sink);
}

/* @depth counts DIEs, @level inlined functions. */
static void read_inlines(struct dwarf_function *function, Dwarf_Die *parent, uint32_t *budget,
	uint32_t depth, uint32_t level)
{
	Dwarf_Die die;

	if (depth > MAX_DEPTH || dwarf_child(parent, &die) != 0)
		return;
	do {
		int tag = dwarf_tag(&die);

		if (!*budget || !--*budget)
			return;
		if (tag == DW_TAG_inlined_subroutine)
			add_inline(function, &die, level + 1);
		if (tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
			tag == DW_TAG_try_block || tag == DW_TAG_catch_block)
			read_inlines(function, &die, budget, depth + 1,
				level + (tag == DW_TAG_inlined_subroutine));
	} while (go_to_sibling(&die));
}

void dwarf_function__read_inlines(struct dwarf_function *function)
{
	uint32_t budget = MAX_DIES;

	if (function->inlines_read)
		return;
	function->inlines_read = true;
	read_inlines(function, &function->die, &budget, 0, 0);
	range_index__sort(&function->ranges);
}

void dwarf_unit__free(struct dwarf_unit *unit)
{
	vec_for_each (function, &unit->functions) {
		range_index__free(&function->ranges);
		vec_free(&function->inlines);
	}
	vec_free(&unit->functions);
	dwarf_lines__free(&unit->lines);
	split_unit__close(unit->split);
	range_index__free(&unit->ranges);
}
