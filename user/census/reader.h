/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Reads an image through a window that moves up with what is asked for: a heap of 10 GiB needs one
 * window of memory, and each page is asked for its state right before it is read.
 */
#ifndef MEMTRACE_CENSUS_READER_H
#define MEMTRACE_CENSUS_READER_H

#include <string.h>

#include "census/image.h"

/* Of a walk over all: large enough that system calls do not count, small enough for the cache. */
#define READER_WIDE (4u << 20)
/* Of scattered looks. */
#define READER_NARROW CENSUS_PAGE
/* Right after what was read proved to be older than what lies beside it: less time to change in. */
#define READER_WARY (64u << 10)

struct census_reader {
	const struct census_memory *memory;
	uint8_t *data;
	uint8_t *states; /* enum page_state of each page of the window */
	size_t capacity; /* bytes */
	size_t window;	 /* bytes that the next load reads: up to capacity */
	uint64_t start;	 /* of the window; its pages that are not present read as zeros */
	size_t size;	 /* 0: nothing loaded */
	uint64_t limit;	 /* the window never reaches beyond */
	uint64_t read_bytes;
	int failed; /* 0, or why nothing can be read any more: -ESRCH */
};

/* @capacity: whole pages. Returns 0 or -ENOMEM; the caller calls reader__free. */
int reader__init(struct census_reader *reader, const struct census_memory *memory, size_t capacity);
void reader__free(struct census_reader *reader);

/* What was loaded is old: the next look reads anew. */
static inline void reader__drop(struct census_reader *reader)
{
	reader->size = 0;
}

/* Begins something that ends at @limit. */
static inline void reader__aim(struct census_reader *reader, uint64_t limit)
{
	reader->limit = limit;
	reader->size = 0;
}

/*
 * What was loaded changed while it was read: the next loads are small, for the less time one takes
 * the less changes in it, and grow again.
 */
void reader__distrust(struct census_reader *reader);

/* Moves the window to the page of @address. */
void reader__load(struct census_reader *reader, uint64_t address);

/* Whether each page of [@address, @address + @size), which is in the window, is present. */
bool reader__is_present(const struct census_reader *reader, uint64_t address, size_t size);

/*
 * The @size bytes at @address, valid until the next call; NULL where they are not all present, not
 * below the limit, or more than the window holds.
 */
static inline const void *reader__at(struct census_reader *reader, uint64_t address, size_t size)
{
	if (address - reader->start >= reader->size ||
		reader->size - (address - reader->start) < size) {
		if (address >= reader->limit || reader->limit - address < size)
			return NULL;
		reader__load(reader, address);
		if (address - reader->start >= reader->size ||
			reader->size - (address - reader->start) < size)
			return NULL;
	}
	if (!reader__is_present(reader, address, size))
		return NULL;
	return reader->data + (address - reader->start);
}

static inline bool reader__word(struct census_reader *reader, uint64_t address, uint64_t *word)
{
	const void *at = reader__at(reader, address, sizeof(*word));

	if (at)
		memcpy(word, at, sizeof(*word));
	return at;
}

/* Copies, for things larger than a window, too. False where not all of it is present. */
bool reader__copy(struct census_reader *reader, uint64_t address, void *to, size_t size);

#endif
