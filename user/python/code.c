/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* PyASCIIObject: length and state; the characters follow the header. */
#define TEXT_LENGTH 16
#define TEXT_STATE 32

/* PyBytesObject */
#define BYTES_LENGTH 16
#define BYTES_CHARACTERS 32

/* Names in programs are shorter; a larger length is that of something else. */
#define TEXT_LENGTH_MAX (1u << 20)

static int read_at(const struct python_memory *memory, uint64_t address, void *to, size_t size)
{
	return memory->read(memory->context, address, to, size);
}

/* Writes one character as UTF-8; the bytes that it takes, 0: no room for them. */
static size_t put_character(uint32_t c, char *out, size_t room)
{
	if (c < 0x80) {
		if (room < 1)
			return 0;
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		if (room < 2)
			return 0;
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		if (room < 3)
			return 0;
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	if (room < 4 || c > 0x10ffff)
		return 0;
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

static void encode(const uint8_t *characters, size_t count, size_t kind, char *out, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t c = 0;
		size_t put;

		memcpy(&c, characters + i * kind, kind);
		put = put_character(c, out + length, size - 1 - length);
		if (!put)
			break;
		length += put;
	}
	out[length] = '\0';
}

int python_text__read(const struct python_memory *memory, const struct python_layout *layout,
	uint64_t address, char *out, size_t size)
{
	uint8_t header[48], characters[4 * PYTHON_PATH_SIZE];
	uint32_t state;
	uint64_t length;
	size_t kind;
	int err;

	*out = '\0';
	err = address ? read_at(memory, address, header, layout->ascii_size) : -EFAULT;
	if (err)
		return err;
	memcpy(&length, header + TEXT_LENGTH, sizeof(length));
	memcpy(&state, header + TEXT_STATE, sizeof(state));
	kind = state >> PYTHON_KIND_SHIFT & PYTHON_KIND_MASK;
	if (!(state & PYTHON_TEXT_COMPACT) || length > TEXT_LENGTH_MAX ||
		(kind != 1 && kind != 2 && kind != 4))
		return -EBADMSG;
	/* Longer than any path or name is meant to be: its beginning. */
	if (length > PYTHON_PATH_SIZE)
		length = PYTHON_PATH_SIZE;
	address += state & PYTHON_TEXT_ASCII ? layout->ascii_size : layout->compact_size;
	err = read_at(memory, address, characters, length * kind);
	if (!err)
		encode(characters, length, kind, out, size);
	return err;
}

void python_text__decode(
	const struct python_text *text, const uint8_t *bytes, size_t room, char *out, size_t size)
{
	size_t kind = text->state >> PYTHON_KIND_SHIFT & PYTHON_KIND_MASK;

	*out = '\0';
	if ((kind == 1 || kind == 2 || kind == 4) && text->length <= room / kind)
		encode(bytes, text->length, kind, out, size);
}

/* Without a line table a function has its name still. */
static void read_lines(
	const struct python_memory *memory, uint64_t address, struct python_code *out)
{
	uint64_t length;

	if (!address || read_at(memory, address + BYTES_LENGTH, &length, sizeof(length)) ||
		!length || length > PYTHON_LINES_MAX)
		return;
	out->lines = malloc(length);
	if (!out->lines)
		return;
	if (read_at(memory, address + BYTES_CHARACTERS, out->lines, length)) {
		free(out->lines);
		out->lines = NULL;
		return;
	}
	out->lines_size = length;
}

static uint64_t pointer_in(const uint8_t *object, size_t offset)
{
	uint64_t value;

	memcpy(&value, object + offset, sizeof(value));
	return value;
}

int python_code__read(const struct python_memory *memory, const struct python_layout *layout,
	uint64_t address, struct python_code *out)
{
	/* Up to the last field of every version. */
	uint8_t object[144];
	uint64_t name, filename;
	int err;

	*out = (struct python_code){0};
	err = read_at(memory, address, object, sizeof(object));
	if (err)
		return err;
	memcpy(&out->first_line, object + layout->walk.code_first_line, sizeof(out->first_line));
	name = pointer_in(object, layout->code_name);
	filename = pointer_in(object, layout->code_filename);
	out->identity = python_identity_of(out->first_line, filename, name);
	err = python_text__read(memory, layout,
		layout->code_qualname ? pointer_in(object, layout->code_qualname) : name, out->name,
		sizeof(out->name));
	if (!err)
		err = python_text__read(memory, layout, filename, out->file, sizeof(out->file));
	if (!err)
		read_lines(memory, pointer_in(object, layout->code_lines), out);
	return err;
}

void python_code__free(struct python_code *code)
{
	free(code->lines);
	*code = (struct python_code){0};
}
