/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The bytes of a recording file; RECORDING.md tells what they mean. Numbers are little-endian, as
 * on every machine that memtrace runs on.
 *
 * A file is a head and then frames, each compressed and checksummed by itself: whatever ends the
 * writer, everything up to the last whole frame can be read.
 */
#ifndef MEMTRACE_STREAM_RECORDING_FORMAT_H
#define MEMTRACE_STREAM_RECORDING_FORMAT_H

#include <stdint.h>

#define RECORDING_MAGIC "memtrace"
/* Raised when an older reader could misunderstand the file. New types of frames do not raise it. */
#define RECORDING_VERSION 2

/* This part never changes, so that every reader can tell that a file is too new for it. */
struct recording_head {
	char magic[8];	   /* RECORDING_MAGIC without its final 0 */
	uint32_t version;  /* RECORDING_VERSION */
	uint32_t size;	   /* of the head: the first frame follows */
	uint64_t checksum; /* XXH3-64 of the bytes before it */
};
_Static_assert(sizeof(struct recording_head) == 24, "");

enum recording_frame_type {
	RECORDING_RUN = 1,    /* who is traced, and how: the first frame */
	RECORDING_EVENTS = 2, /* records, stacks, modules, processes; see recording_codec.h */
	RECORDING_STATUS = 3, /* losses so far; about every second, and at the end with END set */
	RECORDING_NAMES = 4,  /* functions and lines of addresses; at the end */
	RECORDING_LOCKS = 5,  /* what the looks at locks found; at the end */
	RECORDING_LEAKS = 6,  /* which live blocks were lost; at the end, if that was asked for */
};

#define RECORDING_FRAME_MAGIC 0x4652544du /* "MTRF" */

struct recording_frame {
	uint32_t magic;
	uint16_t type;	    /* enum recording_frame_type; readers skip those they do not know */
	uint16_t reserved;  /* 0 */
	uint32_t size;	    /* bytes of the payload in the file: one zstd frame */
	uint32_t raw_size;  /* bytes when decompressed */
	uint32_t records;   /* of events.h that an EVENTS frame holds: what is lost with it */
	uint32_t reserved2; /* 0 */
	uint64_t payload_checksum; /* XXH3-64 of the payload in the file */
	uint64_t checksum;	   /* XXH3-64 of the bytes of this struct before it */
};
_Static_assert(sizeof(struct recording_frame) == 40, "");

/* A writer makes frames of about 256 KiB; a reader refuses what would take more memory than this.
 */
#define RECORDING_MAX_RAW (16u << 20)

#endif
