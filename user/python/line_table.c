/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/line_table.h"

#include "base/bytes.h"

/* 3.10: a range of instructions without a line. */
#define NO_LINE (-128)

/* Codes of 3.11's locations: what follows the first byte. */
enum { CODE_ONE_LINE = 10, CODE_NO_COLUMNS = 13, CODE_LONG = 14, CODE_NONE = 15 };

static uint32_t as_line(int64_t line)
{
	return line > 0 && line <= UINT32_MAX ? (uint32_t)line : 0;
}

/* 3.9: pairs of (bytes of code, lines) to be added; the line is that of the last pair up to it. */
static uint32_t find_in_lnotab(struct bytes table, int64_t line, uint32_t offset)
{
	uint64_t address = 0;

	while (bytes__left(&table) >= 2) {
		uint8_t code_delta = bytes__u8(&table);
		int8_t line_delta = (int8_t)bytes__u8(&table);

		address += code_delta;
		if (address > offset)
			break;
		line += line_delta;
	}
	return as_line(line);
}

/* 3.10: pairs of (bytes of code in this range, lines from the range before). */
static uint32_t find_in_ranges(struct bytes table, int64_t line, uint32_t offset)
{
	uint64_t end = 0;

	while (bytes__left(&table) >= 2) {
		uint8_t code_delta = bytes__u8(&table);
		int8_t line_delta = (int8_t)bytes__u8(&table);

		if (line_delta != NO_LINE)
			line += line_delta;
		end += code_delta;
		if (offset < end)
			return line_delta == NO_LINE ? 0 : as_line(line);
	}
	return 0;
}

/* Six bits a byte, the lowest first; bit 6: more follow. */
static uint64_t read_varint(struct bytes *table)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 6) {
		uint8_t byte = bytes__u8(table);

		value |= (uint64_t)(byte & 63) << shift;
		if (!(byte & 64))
			break;
	}
	return value;
}

/* The sign is the lowest bit. Lines are 32 bits: whatever is larger is not a line. */
static int64_t read_signed_varint(struct bytes *table)
{
	uint64_t value = read_varint(table);
	int64_t magnitude = (int64_t)(value >> 1 & UINT32_MAX);

	return value & 1 ? -magnitude : magnitude;
}

/* Reads what follows the first byte of an entry: how many lines it adds. */
static int64_t read_location(struct bytes *table, unsigned int err)
{
	int64_t delta = 0;

	if (err == CODE_NONE)
		return 0;
	if (err == CODE_LONG || err == CODE_NO_COLUMNS) {
		delta = read_signed_varint(table);
		/* The last line, the first and the last column. */
		for (int i = 0; err == CODE_LONG && i < 3; i++)
			read_varint(table);
		return delta;
	}
	if (err >= CODE_ONE_LINE) {
		bytes__skip(table, 2);
		return err - CODE_ONE_LINE;
	}
	bytes__skip(table, 1);
	return 0;
}

/* 3.11: entries begin with 1 in bit 7, a code, and how many units of two bytes they cover. */
static uint32_t find_in_locations(struct bytes table, int64_t line, uint32_t offset)
{
	uint64_t end = 0;

	while (bytes__left(&table)) {
		uint8_t first = bytes__u8(&table);
		unsigned int err = first >> 3 & 15;

		if (!(first & 0x80))
			return 0;
		line += read_location(&table, err);
		end += 2 * ((first & 7) + 1);
		if (table.bad)
			return 0;
		if (offset < end)
			return err == CODE_NONE ? 0 : as_line(line);
	}
	return 0;
}

uint32_t line_table__find(
	int minor, const uint8_t *table, size_t size, uint32_t first_line, uint32_t offset)
{
	struct bytes bytes = bytes__of(table, size);

	if (minor < 10)
		return find_in_lnotab(bytes, first_line, offset);
	if (minor == 10)
		return find_in_ranges(bytes, first_line, offset);
	return find_in_locations(bytes, first_line, offset);
}
