/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/dwarf_source.h"

#include <dwarf.h>

#include "symbols/dwarf_unit.h"

/* A chain of inlined functions is rarely longer than 20; recursion of hostile DIEs ends here. */
#define MAX_INLINE_DEPTH 256

/* The largest programs known have some 60,000; libdw takes a kilobyte for each. */
#define MAX_UNITS 200000

struct dwarf_source {
	Dwarf *dwarf;
	int fd;
	struct dwarf_sections sections;
	uint64_t text_start;
	uint64_t text_end;
	struct range_index ranges; /* value: index into units */
	VEC(struct dwarf_unit) units;
};

struct unit_sink {
	struct dwarf_source *source;
	uint32_t unit;
	bool found;
};

static bool sink_unit_range(void *context, uint64_t start, uint64_t end)
{
	struct unit_sink *sink = context;
	struct dwarf_source *source = sink->source;

	if (start < source->text_start || start >= source->text_end)
		return true;
	sink->found = true;
	return range_index__add(&source->ranges, start, end, 0, sink->unit) == 0;
}

static int add_unit(struct dwarf_source *source, Dwarf_Die *die, bool is_skeleton)
{
	struct unit_sink sink = {source, source->units.size, false};

	dwarf__each_range(die, sink_unit_range, &sink);
	return sink.found ? vec_push(&source->units,
				    (struct dwarf_unit){.die = *die, .is_skeleton = is_skeleton})
			  : 0;
}

static int read_units(struct dwarf_source *source)
{
	Dwarf_CU *unit = NULL;
	int err = 0;

	for (size_t i = 0; !err && i < MAX_UNITS; i++) {
		Dwarf_Die die;
		uint8_t type;

		if (dwarf_get_units(source->dwarf, unit, &unit, NULL, &type, &die, NULL) != 0)
			break;
		if (type == DW_UT_compile || type == DW_UT_skeleton)
			err = add_unit(source, &die, type == DW_UT_skeleton);
	}
	range_index__sort(&source->ranges);
	return err;
}

struct dwarf_source *dwarf_source__new(Dwarf *dwarf, int fd, uint64_t text_start, uint64_t text_end)
{
	struct dwarf_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->dwarf = dwarf;
	source->fd = fd;
	source->text_start = text_start;
	source->text_end = text_end;
	dwarf_sections__find(dwarf, &source->sections);
	if (read_units(source)) {
		dwarf_source__free(source);
		return NULL;
	}
	return source;
}

void dwarf_source__free(struct dwarf_source *source)
{
	if (!source)
		return;
	vec_for_each (unit, &source->units)
		dwarf_unit__free(unit);
	vec_free(&source->units);
	range_index__free(&source->ranges);
	free(source);
}

static void set_line(struct dwarf_frame *frame, struct dwarf_lines *lines, uint64_t vaddr)
{
	const struct line_row *row = dwarf_lines__find(lines, vaddr);

	if (!row)
		return;
	frame->file = dwarf_lines__path(lines, row->file);
	frame->line = row->line;
	frame->column = row->column;
}

static uint64_t read_number(Dwarf_Die *die, unsigned int attribute)
{
	Dwarf_Attribute value;
	Dwarf_Word number;

	return dwarf_attr(die, attribute, &value) && dwarf_formudata(&value, &number) == 0 ? number
											   : 0;
}

/* The line of the call that @inlined stands for, in the function that it is inlined into. */
static void set_call_line(struct dwarf_frame *caller, struct dwarf_lines *lines, Dwarf_Die *inlined)
{
	caller->file = dwarf_lines__path(lines, read_number(inlined, DW_AT_call_file));
	caller->line = read_number(inlined, DW_AT_call_line);
	caller->column = read_number(inlined, DW_AT_call_column);
}

/* Follows abstract origins and specifications, which is where the names stand. */
static void set_names(
	const struct dwarf_sections *sections, struct dwarf_frame *frame, Dwarf_Die *die)
{
	Dwarf_Attribute value;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &value) ||
		dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &value))
		frame->linkage_name = dwarf_sections__attribute_string(sections, &value);
	if (dwarf_attr_integrate(die, DW_AT_name, &value))
		frame->name = dwarf_sections__attribute_string(sections, &value);
}

/* The inlined functions at @vaddr: @chain[0] is the outermost. Returns how many. */
static size_t find_inlines(struct dwarf_function *function, uint64_t vaddr,
	struct dwarf_inline *chain[MAX_INLINE_DEPTH])
{
	size_t deepest = 0, count = 0;

	vec_for_each (range, &function->ranges.ranges) {
		if (range->start > vaddr)
			break;
		if (range->end <= vaddr || range->rank > MAX_INLINE_DEPTH)
			continue;
		while (deepest < range->rank)
			chain[deepest++] = NULL;
		chain[range->rank - 1] = &function->inlines.data[range->value];
	}
	/* A level whose ranges do not hold the address of what is inside it is left out. */
	for (size_t i = 0; i < deepest; i++)
		if (chain[i])
			chain[count++] = chain[i];
	return count;
}

/* Appends the frames of @function at @vaddr; @innermost has the line. */
static int push_frames(const struct dwarf_sections *sections, struct dwarf_lines *lines,
	struct dwarf_function *function, uint64_t vaddr, struct dwarf_frame frame,
	dwarf_frames *out)
{
	struct dwarf_inline *chain[MAX_INLINE_DEPTH];
	size_t count;

	dwarf_function__read_inlines(function);
	count = find_inlines(function, vaddr, chain);
	frame.function_start = function->start;
	frame.inlined = true;
	while (count-- > 0) {
		Dwarf_Die *die = &chain[count]->die;

		set_names(sections, &frame, die);
		if (vec_push(out, frame))
			return -ENOMEM;
		frame = (struct dwarf_frame){.inlined = true, .function_start = function->start};
		set_call_line(&frame, lines, die);
	}
	frame.inlined = false;
	set_names(sections, &frame, &function->die);
	return vec_push(out, frame);
}

int dwarf_source__resolve(struct dwarf_source *source, uint64_t vaddr, dwarf_frames *out)
{
	const struct range *range = range_index__find(&source->ranges, vaddr);
	struct dwarf_frame innermost = {0};
	struct dwarf_function *function;
	struct dwarf_lines *lines;
	struct dwarf_unit *unit;

	out->size = 0;
	if (!range || range->value >= source->units.size)
		return 0;
	unit = &source->units.data[range->value];
	lines = dwarf_unit__lines(unit, &source->sections);
	set_line(&innermost, lines, vaddr);
	function = dwarf_unit__find_function(unit, &source->sections, source->fd, vaddr);
	if (function)
		return push_frames(dwarf_unit__function_sections(unit, &source->sections),
			dwarf_unit__function_files(unit), function, vaddr, innermost, out);
	return innermost.file ? vec_push(out, innermost) : 0;
}
