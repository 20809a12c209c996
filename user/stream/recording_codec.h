/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The payload of an EVENTS frame. Heap records are delta-coded to about a quarter of their size,
 * for less than the cost of copying them to a compressor: every field is stored as its difference
 * from what a small state predicts, in 1, 2, 4 or 8 bytes. All else is an item: a type, a length,
 * bytes. Records come out equal to the bit, in their order.
 *
 * The state starts anew with each frame, so that a frame can be read without those before it.
 */
#ifndef MEMTRACE_STREAM_RECORDING_CODEC_H
#define MEMTRACE_STREAM_RECORDING_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

/* Powers of two: direct-mapped tables of what was seen in the frame. */
#define CODEC_THREADS 256
#define CODEC_STACKS 4096

/* No record or item head takes more; encoder and decoder keep so much room behind their buffers. */
#define CODEC_MAX_RECORD 64

/* The first fields lie as in struct event_header, with which they are compared. */
struct codec_thread {
	uint32_t none; /* 0 */
	uint32_t tid;
	uint32_t process;
	uint32_t sequence;
	uint64_t address; /* of its last record */
};

/* What both sides know. {0} is how a frame begins. */
struct codec_state {
	uint64_t time_ns;
	uint32_t thread; /* slot of the last record */
	uint8_t functions[8];
	struct codec_thread threads[CODEC_THREADS];
	uint64_t stacks[CODEC_STACKS];
};

/* What is not a heap record. The payloads are in recording_items.h. */
enum codec_item {
	ITEM_RECORD = 1,  /* any other record of event.h, its bytes */
	ITEM_STACK = 2,	  /* a stack with its frames resolved to modules */
	ITEM_MODULE = 3,  /* a module, before the first stack that refers to it */
	ITEM_PROCESS = 4, /* a process that is traced from now on */
	ITEM_BEGIN = 5,	  /* the run starts here */
	ITEM_COUNT,
};

/*
 * Writes a heap record (ALLOC, ALLOC_FAILED, FREE, REALLOC_BEGIN, REALLOC_END; @size bytes) to
 * @out, where CODEC_MAX_RECORD bytes are free. Returns the bytes written, 0 for records of other
 * kinds or sizes: they are items.
 */
size_t codec__encode(
	struct codec_state *state, const struct event_header *event, size_t size, uint8_t *out);

/* Writes the head of an item whose payload of @size bytes follows. Returns the bytes written. */
size_t codec__encode_item(enum codec_item item, uint32_t size, uint8_t *out);

/* What codec__decode found. */
struct codec_result {
	size_t size;	 /* bytes read, payload of an item excluded; 0: damaged */
	uint32_t item;	 /* 0: a record */
	uint32_t length; /* of the item's payload, which the caller checks against the buffer */
};

union codec_record {
	struct event_header header;
	struct event_alloc alloc;
	struct event_free free;
	struct event_realloc_end realloc_end;
	uint8_t line[64]; /* a cache line each */
};

/* Size of the record that codec__decode makes of this kind. */
size_t codec__record_size(uint8_t kind);

/* Reads one record or item head at @in; CODEC_MAX_RECORD bytes behind @in are readable. */
struct codec_result codec__decode(
	struct codec_state *state, const uint8_t *in, union codec_record *record);

#endif
