/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/recording_frame.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/vec.h"
#include "stream/recording_codec.h"

/*
 * Coded records are small already. Level 1 takes a quarter off them, but needs more time than
 * everything else in recording, and even a search for long repetitions alone would cost as much as
 * the coding; so they are only put into blocks. Names and stacks are what repeats, and they are not
 * hot: a frame that has more bytes per record than coded records can have is mostly stacks.
 */
#define LEVEL_RECORDS ZSTD_minCLevel()
#define LEVEL_STACKS 1
#define LEVEL_OTHERS 3
#define RECORD_BYTES 32

struct recording_head frame__make_head(void)
{
	struct recording_head head = {
		.version = RECORDING_VERSION,
		.size = sizeof(head),
	};

	memcpy(head.magic, RECORDING_MAGIC, sizeof(head.magic));
	head.checksum = XXH3_64bits(&head, offsetof(struct recording_head, checksum));
	return head;
}

enum head_check frame__check_head(const struct recording_head *head)
{
	if (memcmp(head->magic, RECORDING_MAGIC, sizeof(head->magic)))
		return HEAD_FOREIGN;
	if (head->checksum != XXH3_64bits(head, offsetof(struct recording_head, checksum)))
		return HEAD_DAMAGED;
	if (head->version > RECORDING_VERSION)
		return HEAD_NEWER;
	return head->version && head->size >= sizeof(*head) ? HEAD_GOOD : HEAD_DAMAGED;
}

static uint64_t header_checksum(const struct recording_frame *header)
{
	return XXH3_64bits(header, offsetof(struct recording_frame, checksum));
}

/* --- writing */

struct frame_writer {
	ZSTD_CCtx *context;
	VEC(uint8_t) frame;
};

struct frame_writer *frame_writer__new(void)
{
	struct frame_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->context = ZSTD_createCCtx();
	if (writer->context)
		return writer;
	free(writer);
	return NULL;
}

void frame_writer__free(struct frame_writer *writer)
{
	if (!writer)
		return;
	ZSTD_freeCCtx(writer->context);
	vec_free(&writer->frame);
	free(writer);
}

static int level_of(enum recording_frame_type type, uint32_t records, size_t raw_size)
{
	if (type != RECORDING_EVENTS)
		return LEVEL_OTHERS;
	return raw_size / RECORD_BYTES > records ? LEVEL_STACKS : LEVEL_RECORDS;
}

long frame_writer__seal(struct frame_writer *writer, enum recording_frame_type type,
	uint32_t records, const void *raw, size_t raw_size, const uint8_t **frame)
{
	struct recording_frame header = {
		.magic = RECORDING_FRAME_MAGIC,
		.type = type,
		.raw_size = raw_size,
		.records = records,
	};
	size_t bound = ZSTD_compressBound(raw_size), size;

	if (vec_reserve(&writer->frame, sizeof(header) + bound))
		return -ENOMEM;
	size = ZSTD_compressCCtx(writer->context, writer->frame.data + sizeof(header), bound, raw,
		raw_size, level_of(type, records, raw_size));
	if (ZSTD_isError(size))
		return -EIO;
	header.size = size;
	header.payload_checksum = XXH3_64bits(writer->frame.data + sizeof(header), size);
	header.checksum = header_checksum(&header);
	memcpy(writer->frame.data, &header, sizeof(header));
	*frame = writer->frame.data;
	return sizeof(header) + size;
}

/* --- reading */

int frame__check(const struct recording_frame *header)
{
	if (header->magic != RECORDING_FRAME_MAGIC || header->checksum != header_checksum(header))
		return -EBADMSG;
	/* A good checksum does not make a size harmless: anybody can compute it. */
	if (header->raw_size > RECORDING_MAX_RAW ||
		header->size > ZSTD_compressBound(RECORDING_MAX_RAW))
		return -EBADMSG;
	return 0;
}

struct frame_reader {
	ZSTD_DCtx *context;
	VEC(uint8_t) raw;
};

struct frame_reader *frame_reader__new(void)
{
	struct frame_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->context = ZSTD_createDCtx();
	if (reader->context)
		return reader;
	free(reader);
	return NULL;
}

void frame_reader__free(struct frame_reader *reader)
{
	if (!reader)
		return;
	ZSTD_freeDCtx(reader->context);
	vec_free(&reader->raw);
	free(reader);
}

int frame_reader__open(struct frame_reader *reader, const struct recording_frame *header,
	const void *payload, const uint8_t **raw)
{
	size_t size;

	if (XXH3_64bits(payload, header->size) != header->payload_checksum)
		return -EBADMSG;
	if (vec_reserve(&reader->raw, header->raw_size + CODEC_MAX_RECORD))
		return -ENOMEM;
	size = ZSTD_decompressDCtx(
		reader->context, reader->raw.data, header->raw_size, payload, header->size);
	if (ZSTD_isError(size) || size != header->raw_size)
		return -EBADMSG;
	memset(reader->raw.data + size, 0, CODEC_MAX_RECORD);
	*raw = reader->raw.data;
	return 0;
}
