/*
 * Reads numbers out of untrusted bytes. A read past the end gives 0 and marks the reader bad, so
 * that a caller may read a whole structure and check once.
 */
#ifndef MEMTRACE_UNWIND_READER_H
#define MEMTRACE_UNWIND_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static inline size_t reader__left(const struct reader *r)
{
	return r->end - r->at;
}

static inline void reader__fail(struct reader *r)
{
	r->bad = true;
	r->at = r->end;
}

/* Takes @size bytes off the front: a pointer to them, or NULL (and bad) if there are fewer. */
static inline const uint8_t *reader__skip(struct reader *r, uint64_t size)
{
	const uint8_t *taken = r->at;

	if (size > reader__left(r)) {
		reader__fail(r);
		return NULL;
	}
	r->at += size;
	return taken;
}

#define READER_DEFINE(name, type)                                  \
	static inline type reader__##name(struct reader *r)        \
	{                                                          \
		const uint8_t *at = reader__skip(r, sizeof(type)); \
		type value = 0;                                    \
		if (at)                                            \
			memcpy(&value, at, sizeof(value));         \
		return value;                                      \
	}
READER_DEFINE(u8, uint8_t)
READER_DEFINE(u16, uint16_t)
READER_DEFINE(u32, uint32_t)
READER_DEFINE(u64, uint64_t)
READER_DEFINE(s16, int16_t)
READER_DEFINE(s32, int32_t)

/* DWARF 5, 7.6. Bits beyond the 64th are dropped. */
static inline uint64_t reader__uleb(struct reader *r)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = reader__u8(r);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

static inline int64_t reader__sleb(struct reader *r)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = reader__u8(r);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (byte & 0x40 && shift < 64)
		value |= -(1ull << shift);
	return value;
}

/* A zero-terminated string, or "" (and bad) if it does not end. */
static inline const char *reader__string(struct reader *r)
{
	const uint8_t *start = r->at;
	const uint8_t *zero = memchr(start, 0, reader__left(r));

	if (!zero) {
		reader__fail(r);
		return "";
	}
	r->at = zero + 1;
	return (const char *)start;
}

#endif
