/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

/* How many bytes the UTF-8 sequence at @s takes; 0 where there is no valid one. */
static size_t sequence_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80 ? 1 : (s[0] >> 5) == 6 ? 2 : (s[0] >> 4) == 14 ? 3 : 4;

	if (length == 1)
		return s[0] < 0x20 || s[0] == 0x7f ? 0 : 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

static uint32_t code_point(const unsigned char *s, size_t length)
{
	uint32_t code = length == 1 ? s[0] : s[0] & (0x7f >> length);

	for (size_t i = 1; i < length; i++)
		code = code << 6 | (s[i] & 0x3f);
	return code;
}

/*
 * Characters without a shape that change how others appear, mostly of Unicode's categories Cc, Cf,
 * Zl and Zp: controls, directions, joiners, breaks, tags.
 */
static bool is_invisible(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x80, 0x9f},	    /* C1 controls */
		{0xad, 0xad},	    /* soft hyphen */
		{0x34f, 0x34f},	    /* grapheme joiner */
		{0x61c, 0x61c},	    /* Arabic letter mark */
		{0x115f, 0x1160},   /* Hangul fillers */
		{0x1680, 0x1680},   /* Ogham space */
		{0x17b4, 0x17b5},   /* Khmer vowels without a shape */
		{0x180b, 0x180f},   /* Mongolian separators */
		{0x200b, 0x200f},   /* zero-width, left-to-right and right-to-left marks */
		{0x2028, 0x202e},   /* line separators, embeddings and overrides */
		{0x2060, 0x206f},   /* word joiner, isolates */
		{0x3164, 0x3164},   /* Hangul filler */
		{0xfe00, 0xfe0f},   /* variation selectors */
		{0xfeff, 0xfeff},   /* byte order mark */
		{0xffa0, 0xffa0},   /* Hangul filler */
		{0xfff0, 0xfffb},   /* annotations */
		{0x1bca0, 0x1bca3}, /* shorthand */
		{0x1d173, 0x1d17a}, /* music */
		{0xe0000, 0xe0fff}, /* tags */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

size_t text__character(const char *text, bool *shows)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t length = sequence_length(s);

	*shows = length && !(length > 1 && is_invisible(code_point(s, length)));
	return length ? length : 1;
}

void text__make_printable(char *text)
{
	char *out = text;
	bool shows;

	while (*text) {
		size_t length = text__character(text, &shows);

		if (!shows)
			*out++ = '?';
		for (size_t i = 0; shows && i < length; i++)
			*out++ = text[i];
		text += length;
	}
	*out = '\0';
}

const char *text__base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}
