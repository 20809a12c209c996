/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/minidebug.h"

#include <lzma.h>

/* That of libLLVM, the largest known, has some 20 MB; the decoder's dictionary at most 64 MiB. */
#define MAX_IMAGE (256u << 20)
#define MAX_DECODER_MEMORY (128u << 20)
#define FIRST_IMAGE (1u << 20)

static int grow(uint8_t **buffer, size_t *capacity)
{
	uint8_t *grown;

	if (*capacity >= MAX_IMAGE)
		return -EFBIG;
	*capacity = *capacity ? *capacity * 2 : FIRST_IMAGE;
	grown = realloc(*buffer, *capacity);
	if (!grown)
		return -ENOMEM;
	*buffer = grown;
	return 0;
}

/* Runs the decoder over all of its input, into a buffer that grows. */
static int decode(lzma_stream *stream, uint8_t **buffer, size_t *size)
{
	lzma_ret result = LZMA_OK;
	size_t capacity = 0;
	int err = 0;

	while (result == LZMA_OK) {
		if (*size == capacity && (err = grow(buffer, &capacity)))
			return err;
		stream->next_out = *buffer + *size;
		stream->avail_out = capacity - *size;
		result = lzma_code(stream, LZMA_FINISH);
		*size = capacity - stream->avail_out;
	}
	return result == LZMA_STREAM_END ? 0 : -EINVAL;
}

int minidebug__unpack(struct elf_file *file, void **image, size_t *size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t *buffer = NULL;
	int err;

	stream.next_in = elf_file__section_bytes(
		file, elf_file__section(file, ".gnu_debugdata"), &stream.avail_in);
	if (!stream.next_in)
		return -ENOENT;
	if (lzma_stream_decoder(&stream, MAX_DECODER_MEMORY, 0) != LZMA_OK)
		return -ENOMEM;
	*size = 0;
	err = decode(&stream, &buffer, size);
	lzma_end(&stream);
	if (err) {
		free(buffer);
		return err;
	}
	*image = buffer;
	return 0;
}
