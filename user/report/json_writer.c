/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"

void json__start(struct json_writer *json, FILE *file, unsigned int compact_below)
{
	*json = (struct json_writer){
		.file = file, .is_first = true, .compact_below = compact_below};
}

void json__finish(struct json_writer *json)
{
	fputc('\n', json->file);
}

static void start_line(struct json_writer *json)
{
	if (json->depth >= json->compact_below)
		return;
	fputc('\n', json->file);
	for (unsigned int i = 0; i < json->depth; i++)
		fputc('\t', json->file);
}

/* What stands between this element and the one before. */
static void separate(struct json_writer *json)
{
	if (json->after_key) {
		json->after_key = false;
		return;
	}
	if (!json->depth)
		return;
	if (!json->is_first)
		fputc(',', json->file);
	start_line(json);
	json->is_first = false;
}

static void begin(struct json_writer *json, char bracket)
{
	separate(json);
	fputc(bracket, json->file);
	json->depth++;
	json->is_first = true;
}

static void end(struct json_writer *json, char bracket)
{
	json->depth--;
	if (!json->is_first && json->depth + 1 < json->compact_below)
		start_line(json);
	fputc(bracket, json->file);
	json->is_first = false;
}

void json__begin_object(struct json_writer *json)
{
	begin(json, '{');
}

void json__end_object(struct json_writer *json)
{
	end(json, '}');
}

void json__begin_array(struct json_writer *json)
{
	begin(json, '[');
}

void json__end_array(struct json_writer *json)
{
	end(json, ']');
}

/*
 * The length of the UTF-8 character at @text, 0 if there is none: no overlong forms, surrogates or
 * code points beyond U+10FFFF (Unicode 15, table 3-7).
 */
static unsigned int utf8_length(const unsigned char *text)
{
	static const struct {
		unsigned char first, last, low, high, length;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (unsigned int i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		if (text[1] < forms[i].low || text[1] > forms[i].high)
			return 0;
		for (unsigned int j = 2; j < forms[i].length; j++)
			if ((text[j] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

static void write_ascii(FILE *file, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		fputc('\\', file);
		fputc(c, file);
		break;
	case '\n':
		fputs("\\n", file);
		break;
	case '\t':
		fputs("\\t", file);
		break;
	default:
		if (c < 0x20 || c == 0x7f)
			fprintf(file, "\\u%04x", c);
		else
			fputc(c, file);
	}
}

/* The same text for a reader of JSON, and harmless on a terminal. */
static void write_escaped(FILE *file, const unsigned char *c, unsigned int length)
{
	uint32_t code = c[0] & (0x7f >> length);

	for (unsigned int i = 1; i < length; i++)
		code = code << 6 | (c[i] & 0x3f);
	if (code < 0x10000)
		fprintf(file, "\\u%04x", code);
	else
		fprintf(file, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
			0xdc00 + ((code - 0x10000) & 0x3ff));
}

static void write_string(FILE *file, const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	unsigned int length;
	bool shows;

	fputc('"', file);
	while (*c) {
		if (*c < 0x80) {
			write_ascii(file, *c++);
			continue;
		}
		length = utf8_length(c);
		text__character((const char *)c, &shows);
		if (length && !shows)
			write_escaped(file, c, length);
		else if (length)
			fwrite(c, 1, length, file);
		else
			fputs("\\ufffd", file);
		c += length ? length : 1;
	}
	fputc('"', file);
}

void json__key(struct json_writer *json, const char *key)
{
	separate(json);
	write_string(json->file, key);
	fputc(':', json->file);
	if (json->depth < json->compact_below)
		fputc(' ', json->file);
	json->after_key = true;
}

void json__integer(struct json_writer *json, uint64_t value)
{
	separate(json);
	fprintf(json->file, "%" PRIu64, value > INT64_MAX ? (uint64_t)INT64_MAX : value);
}

void json__number(struct json_writer *json, double value)
{
	separate(json);
	if (isfinite(value))
		fprintf(json->file, "%.6g", value);
	else
		fputs("null", json->file);
}

void json__boolean(struct json_writer *json, bool value)
{
	separate(json);
	fputs(value ? "true" : "false", json->file);
}

void json__string(struct json_writer *json, const char *text)
{
	separate(json);
	if (text)
		write_string(json->file, text);
	else
		fputs("null", json->file);
}

void json__put_integer(struct json_writer *json, const char *key, uint64_t value)
{
	json__key(json, key);
	json__integer(json, value);
}

void json__put_number(struct json_writer *json, const char *key, double value)
{
	json__key(json, key);
	json__number(json, value);
}

void json__put_boolean(struct json_writer *json, const char *key, bool value)
{
	json__key(json, key);
	json__boolean(json, value);
}

void json__put_string(struct json_writer *json, const char *key, const char *text)
{
	json__key(json, key);
	json__string(json, text);
}
