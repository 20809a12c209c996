/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Frames of a recording: made of a payload, and checked and opened again. */
#ifndef MEMTRACE_STREAM_RECORDING_FRAME_H
#define MEMTRACE_STREAM_RECORDING_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "stream/recording_format.h"

/* The head of a file of this version. */
struct recording_head frame__make_head(void);

/* What is wrong with a head, and how far one can trust it. */
enum head_check {
	HEAD_GOOD = 0,
	HEAD_FOREIGN, /* not a recording */
	HEAD_DAMAGED,
	HEAD_NEWER, /* of a version that this program does not know */
};
enum head_check frame__check_head(const struct recording_head *head);

struct frame_writer;
struct frame_writer *frame_writer__new(void);
void frame_writer__free(struct frame_writer *writer);

/*
 * Compresses @raw_size (at most RECORDING_MAX_RAW) bytes and puts the header before them. The
 * result is the writer's until the next call. Its size, or -ENOMEM, or -EIO.
 */
long frame_writer__seal(struct frame_writer *writer, enum recording_frame_type type,
	uint32_t records, const void *raw, size_t raw_size, const uint8_t **frame);

/* 0, or -EBADMSG for a header that is none. */
int frame__check(const struct recording_frame *header);

struct frame_reader;
struct frame_reader *frame_reader__new(void);
void frame_reader__free(struct frame_reader *reader);

/*
 * Checks and decompresses the @payload of a good @header, header->size bytes. *@raw, header->
 * raw_size bytes with CODEC_MAX_RECORD readable zeros behind them, is the reader's until the next
 * call. 0, -EBADMSG for a damaged one, -ENOMEM.
 */
int frame_reader__open(struct frame_reader *reader, const struct recording_frame *header,
	const void *payload, const uint8_t **raw);

#endif
