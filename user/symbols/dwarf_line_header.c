/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Headers of line tables: DWARF 5, 6.2.4; DWARF 4, 6.2.4 for versions 2 to 4. */
#include <dwarf.h>
#include <errno.h>

#include "symbols/dwarf_line_program.h"

/* Entries have a path, a directory, and at most a checksum, a size and a time. */
#define MAX_FORMATS 16
/* No unit includes more files; the bytes of hostile ones may be none. */
#define MAX_FILES (1u << 20)

struct entry_format {
	uint64_t type; /* DW_LNCT_* */
	uint64_t form;
};

struct file_entry {
	const char *path;
	uint64_t directory;
};

static const char *read_string(
	const struct dwarf_sections *sections, struct bytes *at, uint64_t form, uint8_t offset_size)
{
	switch (form) {
	case DW_FORM_string:
		return bytes__string(at);
	case DW_FORM_line_strp:
		return dwarf_sections__string(&sections->line_str, bytes__number(at, offset_size));
	case DW_FORM_strp:
		return dwarf_sections__string(&sections->str, bytes__number(at, offset_size));
	default:
		return NULL;
	}
}

/* The value of a number, or what is left of it; false where the form is not known. */
static bool read_number(struct bytes *at, uint64_t form, uint8_t offset_size, uint64_t *value)
{
	*value = 0;
	switch (form) {
	case DW_FORM_udata:
		return bytes__read_uleb(at, value);
	case DW_FORM_data1:
		*value = bytes__number(at, 1);
		return true;
	case DW_FORM_data2:
		*value = bytes__number(at, 2);
		return true;
	case DW_FORM_data4:
		*value = bytes__number(at, 4);
		return true;
	case DW_FORM_data8:
		*value = bytes__number(at, 8);
		return true;
	case DW_FORM_data16:
		return bytes__skip(at, 16);
	case DW_FORM_block:
		return bytes__skip(at, bytes__uleb(at));
	case DW_FORM_string: /* a vendor's extension */
		return bytes__string(at) != NULL;
	case DW_FORM_line_strp:
	case DW_FORM_strp:
		return bytes__skip(at, offset_size);
	default:
		return false;
	}
}

static bool read_entry(const struct dwarf_sections *sections, struct bytes *at,
	const struct entry_format *formats, size_t format_count, uint8_t offset_size,
	struct file_entry *entry)
{
	*entry = (struct file_entry){0};
	for (size_t i = 0; i < format_count; i++) {
		uint64_t value;

		if (formats[i].type == DW_LNCT_path) {
			entry->path = read_string(sections, at, formats[i].form, offset_size);
			if (!entry->path)
				return false;
			continue;
		}
		if (!read_number(at, formats[i].form, offset_size, &value))
			return false;
		if (formats[i].type == DW_LNCT_directory_index)
			entry->directory = value;
	}
	return true;
}

static int add_file(struct dwarf_lines *lines, const char *name, uint64_t directory)
{
	struct line_file file = {.name = name};

	if (directory && directory < lines->directories.size)
		file.directory = lines->directories.data[directory];
	return vec_push(&lines->files, file);
}

/* A table of version 5, of directories or of files. */
static int read_entries(const struct dwarf_sections *sections, struct bytes *at,
	uint8_t offset_size, bool are_files, struct dwarf_lines *lines)
{
	struct entry_format formats[MAX_FORMATS];
	size_t format_count = bytes__number(at, 1);
	uint64_t count;
	int error = 0;

	if (format_count > MAX_FORMATS)
		return -EINVAL;
	for (size_t i = 0; i < format_count; i++) {
		formats[i].type = bytes__uleb(at);
		formats[i].form = bytes__uleb(at);
	}
	count = bytes__uleb(at);
	if (count > MAX_FILES)
		return -EINVAL;
	for (uint64_t i = 0; !error && i < count; i++) {
		struct file_entry entry;

		if (!read_entry(sections, at, formats, format_count, offset_size, &entry))
			return -EINVAL;
		error = are_files ? add_file(lines, entry.path, entry.directory)
				  : vec_push(&lines->directories, entry.path);
	}
	return error;
}

/* The lists of versions 2 to 4, each ended by an empty string; both count from 1. */
static int read_old_entries(struct bytes *at, struct dwarf_lines *lines)
{
	const char *name;
	int error = vec_push(&lines->directories, NULL);

	while (!error && (name = bytes__string(at)) && *name)
		error = vec_push(&lines->directories, name);
	if (!error)
		error = vec_push(&lines->files, (struct line_file){0});
	while (!error && (name = bytes__string(at)) && *name) {
		uint64_t directory = bytes__uleb(at);

		bytes__uleb(at); /* time */
		bytes__uleb(at); /* size */
		error = add_file(lines, name, directory);
	}
	return error;
}

/* The length of the table and, by its form, the size of offsets. Cuts @at to the table. */
static bool read_length(struct bytes *at, struct line_header *header)
{
	uint64_t length = bytes__number(at, 4);

	header->offset_size = length == 0xffffffff ? 8 : 4;
	if (header->offset_size == 8)
		length = bytes__number(at, 8);
	if (!length || length > bytes__left(at))
		return false;
	at->end = at->at + length;
	return true;
}

/* The fields in front of the file tables. */
static bool read_fields(struct bytes *at, uint16_t version, struct line_header *header)
{
	uint64_t header_length, operations = 1;

	if (version >= 5) {
		header->address_size = bytes__number(at, 1);
		bytes__skip(at, 1); /* size of segment selectors */
	}
	header_length = bytes__number(at, header->offset_size);
	header->program = *at;
	if (!bytes__skip(&header->program, header_length))
		return false;
	header->minimum_instruction_length = bytes__number(at, 1);
	if (version >= 4)
		operations = bytes__number(at, 1);
	bytes__skip(at, 1); /* default of is_stmt */
	header->line_base = bytes__number(at, 1);
	header->line_range = bytes__number(at, 1);
	header->opcode_base = bytes__number(at, 1);
	header->opcode_lengths = at->at;
	/* More than one operation in an instruction is for VLIW machines. */
	return header->line_range && header->opcode_base && operations == 1 &&
	       bytes__skip(at, header->opcode_base - 1);
}

int line_header__read(const struct dwarf_sections *sections, struct bytes at,
	struct dwarf_lines *lines, struct line_header *header)
{
	int error;

	if (!read_length(&at, header))
		return -EINVAL;
	lines->version = bytes__number(&at, 2);
	if (lines->version < 2 || lines->version > 5 || !read_fields(&at, lines->version, header))
		return -EINVAL;
	if (lines->version < 5)
		return read_old_entries(&at, lines);
	error = read_entries(sections, &at, header->offset_size, false, lines);
	return error ? error : read_entries(sections, &at, header->offset_size, true, lines);
}
