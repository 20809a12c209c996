/* Reading DWARF's encodings from bytes that end somewhere: DWARF 5, 7.4 to 7.6. */
#ifndef MEMTRACE_SYMBOLS_DWARF_CURSOR_H
#define MEMTRACE_SYMBOLS_DWARF_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A function that would read past the end returns false, or 0 from the `take` ones, for good. */
struct dwarf_cursor {
	const uint8_t *at;
	const uint8_t *end;
};

static inline size_t cursor__left(const struct dwarf_cursor *c)
{
	return c->end - c->at;
}

static inline bool cursor__skip(struct dwarf_cursor *c, uint64_t size)
{
	if (size > cursor__left(c)) {
		c->at = c->end;
		return false;
	}
	c->at += size;
	return true;
}

/* A little-endian number of @size bytes, at most 8. */
static inline uint64_t cursor__take(struct dwarf_cursor *c, size_t size)
{
	uint64_t value = 0;

	if (size > 8 || size > cursor__left(c)) {
		c->at = c->end;
		return 0;
	}
	memcpy(&value, c->at, size);
	c->at += size;
	return value;
}

/* A LEB128 number; what does not fit 64 bits is cut. */
static inline bool cursor__read_leb(struct dwarf_cursor *c, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; c->at < c->end; shift += 7) {
		uint8_t byte = *c->at++;

		if (shift < 64)
			*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static inline uint64_t cursor__take_leb(struct dwarf_cursor *c)
{
	uint64_t value;

	return cursor__read_leb(c, &value) ? value : 0;
}

static inline int64_t cursor__take_signed_leb(struct dwarf_cursor *c)
{
	uint64_t value = 0;
	unsigned int shift = 0;

	while (c->at < c->end) {
		uint8_t byte = *c->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (shift < 64 && byte & 0x40)
			value |= ~0ull << shift;
		return value;
	}
	return 0;
}

/* A string up to its 0 byte; NULL where there is none. */
static inline const char *cursor__take_string(struct dwarf_cursor *c)
{
	const uint8_t *start = c->at,
		      *zero = cursor__left(c) ? memchr(start, 0, cursor__left(c)) : NULL;

	c->at = zero ? zero + 1 : c->end;
	return zero ? (const char *)start : NULL;
}

#endif
