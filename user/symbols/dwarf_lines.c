/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/dwarf_lines.h"

#include <dwarf.h>
#include <stdio.h>

#include "base/search.h"
#include "symbols/dwarf_line_program.h"

static const char *join(const char *directory, const char *name, char **out)
{
	if (asprintf(out, "%s/%s", directory, name) < 0)
		*out = NULL;
	return *out;
}

/* directory/name, made absolute by the compilation directory as far as needed. */
static const char *build_path(struct dwarf_lines *lines, struct line_file *file)
{
	const char *base = lines->compilation_directory, *directory = file->directory;
	char *absolute = NULL;

	if (file->name[0] == '/' || (!directory && !base))
		return file->path = strdup(file->name);
	if (!directory)
		return join(base, file->name, &file->path);
	if (directory[0] == '/' || !base)
		return join(directory, file->name, &file->path);
	if (join(base, directory, &absolute))
		join(absolute, file->name, &file->path);
	free(absolute);
	return file->path;
}

const char *dwarf_lines__path(struct dwarf_lines *lines, uint64_t index)
{
	struct line_file *file;

	if (index >= lines->files.size)
		return NULL;
	file = &lines->files.data[index];
	if (!file->name || file->path)
		return file->path;
	return build_path(lines, file);
}

const struct line_row *dwarf_lines__find(const struct dwarf_lines *lines, uint64_t address)
{
	const struct range *range = range_index__find(&lines->ranges, address);
	const struct line_sequence *sequence;
	const struct line_row *rows;
	size_t after;

	if (!range)
		return NULL;
	sequence = &lines->sequences.data[range->value];
	rows = lines->rows.data + sequence->first;
	after = search_first(sequence->count, i, rows[i].address <= address);
	return after ? &rows[after - 1] : NULL;
}

static const char *read_compilation_directory(
	const struct dwarf_sections *sections, Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(unit, DW_AT_comp_dir, &attribute)
		       ? dwarf_sections__attribute_string(sections, &attribute)
		       : NULL;
}

int dwarf_lines__read(
	const struct dwarf_sections *sections, Dwarf_Die *unit, struct dwarf_lines *lines)
{
	struct bytes program = sections->line;
	Dwarf_Attribute attribute;
	Dwarf_Word offset;
	int error;

	*lines = (struct dwarf_lines){0};
	if (!dwarf_attr(unit, DW_AT_stmt_list, &attribute) ||
		dwarf_formudata(&attribute, &offset) || !bytes__skip(&program, offset))
		return -ENOENT;
	lines->compilation_directory = read_compilation_directory(sections, unit);
	error = line_program__run(sections, program, lines);
	range_index__sort(&lines->ranges);
	return error;
}

void dwarf_lines__free(struct dwarf_lines *lines)
{
	vec_for_each (file, &lines->files)
		free(file->path);
	vec_free(&lines->directories);
	vec_free(&lines->files);
	vec_free(&lines->rows);
	vec_free(&lines->sequences);
	range_index__free(&lines->ranges);
}
