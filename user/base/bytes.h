/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A cursor over untrusted bytes: little-endian numbers, LEB128 (DWARF 5, 7.6), strings. A read past
 * the end gives 0 and marks the cursor bad for good, so that a caller may read a whole structure
 * and check once.
 */
#ifndef MEMTRACE_BASE_BYTES_H
#define MEMTRACE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static inline struct bytes bytes__of(const void *start, size_t size)
{
	return (struct bytes){start, start ? (const uint8_t *)start + size : NULL, false};
}

static inline size_t bytes__left(const struct bytes *b)
{
	return b->end - b->at;
}

static inline void bytes__fail(struct bytes *b)
{
	b->bad = true;
	b->at = b->end;
}

/* Takes @size bytes off the front: a pointer to them, or NULL (and bad) if there are fewer. */
static inline const uint8_t *bytes__take(struct bytes *b, uint64_t size)
{
	const uint8_t *taken = b->at;

	if (size > bytes__left(b)) {
		bytes__fail(b);
		return NULL;
	}
	if (size)
		b->at += size;
	return taken;
}

/* The same where only their number matters: whether there were as many. */
static inline bool bytes__skip(struct bytes *b, uint64_t size)
{
	bytes__take(b, size);
	return !b->bad;
}

#define BYTES_DEFINE(name, type)                                  \
	static inline type bytes__##name(struct bytes *b)         \
	{                                                         \
		const uint8_t *at = bytes__take(b, sizeof(type)); \
		type value = 0;                                   \
		if (at)                                           \
			memcpy(&value, at, sizeof(value));        \
		return value;                                     \
	}
BYTES_DEFINE(u8, uint8_t)
BYTES_DEFINE(u16, uint16_t)
BYTES_DEFINE(u32, uint32_t)
BYTES_DEFINE(u64, uint64_t)
BYTES_DEFINE(s16, int16_t)
BYTES_DEFINE(s32, int32_t)
#undef BYTES_DEFINE

/* An unsigned number of @size bytes; bad if those are more than 8. */
static inline uint64_t bytes__number(struct bytes *b, size_t size)
{
	const uint8_t *at = bytes__take(b, size <= 8 ? size : UINT64_MAX);
	uint64_t value = 0;

	if (at)
		memcpy(&value, at, size);
	return value;
}

/* Bits beyond the 64th are dropped. */
static inline uint64_t bytes__uleb(struct bytes *b)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; b->at < b->end; shift += 7) {
		uint8_t byte = *b->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	bytes__fail(b);
	return 0;
}

static inline int64_t bytes__sleb(struct bytes *b)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; b->at < b->end;) {
		uint8_t byte = *b->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (byte & 0x40 && shift < 64)
			value |= -(1ull << shift);
		return value;
	}
	bytes__fail(b);
	return 0;
}

/* A number whose absence the caller asks for at once; false at the end. */
static inline bool bytes__read_uleb(struct bytes *b, uint64_t *value)
{
	*value = bytes__uleb(b);
	return !b->bad;
}

/* A zero-terminated string, in place; NULL (and bad) if it does not end. */
static inline const char *bytes__string(struct bytes *b)
{
	const uint8_t *start = b->at;
	const uint8_t *zero = bytes__left(b) ? memchr(start, 0, bytes__left(b)) : NULL;

	if (!zero) {
		bytes__fail(b);
		return NULL;
	}
	b->at = zero + 1;
	return (const char *)start;
}

#endif
