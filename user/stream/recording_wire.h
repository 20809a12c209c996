/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Numbers and texts in the frames that are not hot: put one after the other, little-endian, a text
 * as its length (32 bits; RECORDING_NO_TEXT: NULL) and bytes. Readers are bounded: past the end
 * everything is 0 and `failed` is set, so a caller checks once, at the end.
 */
#ifndef MEMTRACE_STREAM_RECORDING_WIRE_H
#define MEMTRACE_STREAM_RECORDING_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/vec.h"

#define RECORDING_NO_TEXT UINT32_MAX

struct wire_out {
	VEC(uint8_t) bytes;
	bool failed; /* no memory */
};

static inline void wire__put(struct wire_out *out, const void *data, size_t size)
{
	if (out->failed || vec_reserve(&out->bytes, out->bytes.size + size)) {
		out->failed = true;
		return;
	}
	memcpy(out->bytes.data + out->bytes.size, data, size);
	out->bytes.size += size;
}

static inline void wire__put_u16(struct wire_out *out, uint16_t value)
{
	wire__put(out, &value, sizeof(value));
}

static inline void wire__put_u32(struct wire_out *out, uint32_t value)
{
	wire__put(out, &value, sizeof(value));
}

static inline void wire__put_u64(struct wire_out *out, uint64_t value)
{
	wire__put(out, &value, sizeof(value));
}

static inline void wire__put_text(struct wire_out *out, const char *text)
{
	uint32_t size = text ? strlen(text) : RECORDING_NO_TEXT;

	wire__put_u32(out, size);
	if (text)
		wire__put(out, text, size);
}

struct wire_in {
	const uint8_t *at;
	const uint8_t *end;
	bool failed; /* ran past the end */
};

static inline void wire__get(struct wire_in *in, void *data, size_t size)
{
	if (in->failed || (size_t)(in->end - in->at) < size) {
		in->failed = true;
		memset(data, 0, size);
		return;
	}
	memcpy(data, in->at, size);
	in->at += size;
}

static inline uint16_t wire__get_u16(struct wire_in *in)
{
	uint16_t value;

	wire__get(in, &value, sizeof(value));
	return value;
}

static inline uint32_t wire__get_u32(struct wire_in *in)
{
	uint32_t value;

	wire__get(in, &value, sizeof(value));
	return value;
}

static inline uint64_t wire__get_u64(struct wire_in *in)
{
	uint64_t value;

	wire__get(in, &value, sizeof(value));
	return value;
}

/* The bytes of a text in the frame, not terminated; NULL for none. */
static inline const char *wire__get_text(struct wire_in *in, uint32_t *size)
{
	const char *text = (const char *)in->at;

	*size = wire__get_u32(in);
	text = (const char *)in->at;
	if (in->failed || *size == RECORDING_NO_TEXT) {
		*size = 0;
		return NULL;
	}
	if ((size_t)(in->end - in->at) < *size) {
		in->failed = true;
		*size = 0;
		return NULL;
	}
	in->at += *size;
	return text;
}

#endif
