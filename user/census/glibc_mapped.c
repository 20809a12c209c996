/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Blocks that glibc gave mappings of their own: a chunk with IS_MMAPPED whose prev_size is what
 * lies in front of it in its mapping, and whose end is a page's. No list has them, so the heads of
 * pages are looked at; how many there must be is in mp_.n_mmaps.
 */
#include <errno.h>

#include "census/glibc.h"

/* A window for heads alone: a block's contents are passed over. */
#define WINDOW (16u * CENSUS_PAGE)

/* The largest alignment that is looked for, as a power of two. */
#define MAX_ALIGNMENT 40
#define MIN_ALIGNMENT 5 /* smaller ones need no moving */

struct mapped_chunk {
	uint64_t chunk;
	uint64_t size;
	uint64_t end;
};

/* Whether a mapped chunk lies at @chunk, of a mapping that begins at @start. */
static bool is_mapped_chunk(
	struct census_reader *reader, uint64_t start, uint64_t chunk, struct mapped_chunk *out)
{
	uint64_t words[2], size;
	const void *at = reader__at(reader, chunk, sizeof(words));

	if (!at)
		return false;
	memcpy(words, at, sizeof(words));
	size = chunk_size(words[1]);
	if ((words[1] & CHUNK_FLAGS) != CHUNK_IS_MAPPED || words[0] != chunk - start ||
		size < CHUNK_MIN || size % CHUNK_ALIGN || size > reader->limit - chunk ||
		(chunk + size) % CENSUS_PAGE)
		return false;
	*out = (struct mapped_chunk){chunk, size, chunk + size};
	return true;
}

/*
 * The chunk of a mapping that begins at @start. memalign moves it to where its block is aligned,
 * at least CHUNK_MIN up, and leaves the head at the beginning as it was.
 */
static bool find_at(struct census_reader *reader, uint64_t start, struct mapped_chunk *out)
{
	struct mapped_chunk first;
	bool has_first = is_mapped_chunk(reader, start, start, &first);
	uint64_t end = has_first ? first.end : start + CENSUS_PAGE;

	for (unsigned int power = MIN_ALIGNMENT; power <= MAX_ALIGNMENT; power++) {
		uint64_t alignment = 1ull << power;
		uint64_t block = (start + CHUNK_HEADER + alignment - 1) & ~(alignment - 1);

		block += block - start < CHUNK_HEADER + CHUNK_MIN ? alignment : 0;
		if (block >= end)
			break;
		if (is_mapped_chunk(reader, start, block - CHUNK_HEADER, out))
			return true;
	}
	*out = first;
	return has_first;
}

/*
 * A block aligned to more than a page begins at a page whose predecessor ends with its head; the
 * pages in front, back to its mapping's start, were never touched. @first: where that may be.
 */
static bool find_aligned(
	struct census_reader *reader, uint64_t first, uint64_t page, struct mapped_chunk *out)
{
	uint64_t chunk = page + CENSUS_PAGE - CHUNK_HEADER, before;

	if (!reader__word(reader, chunk, &before) || before <= CENSUS_PAGE ||
		before > chunk - first || (chunk - before) % CENSUS_PAGE)
		return false;
	return is_mapped_chunk(reader, chunk - before, chunk, out);
}

static int add_mapped(struct glibc *glibc, const struct mapped_chunk *found, uint64_t start)
{
	struct survey *survey = glibc->survey;
	struct census_span span = {.start = start, .end = found->end, .is_mapped = true};

	if (blocks__add(&survey->blocks, (struct census_block){
						 .address = found->chunk + CHUNK_HEADER,
						 .size = found->size - CHUNK_HEADER,
						 .is_mapped = true,
					 }))
		return -ENOMEM;
	return vec_push(&survey->spans, span);
}

int glibc__walk_mapped(struct glibc *glibc, uint64_t start, uint64_t end)
{
	struct census_reader reader;
	uint64_t first = start; /* nothing is claimed from here on */
	int err = reader__init(&reader, &glibc->image->memory, WINDOW);

	reader__aim(&reader, end);
	for (uint64_t page = start; !err && page < end && !reader.failed;) {
		struct mapped_chunk found;

		if (!reader__at(&reader, page, CHUNK_HEADER)) {
			page += CENSUS_PAGE;
			continue;
		}
		if (!find_at(&reader, page, &found) &&
			!find_aligned(&reader, first, page, &found)) {
			page += CENSUS_PAGE;
			continue;
		}
		err = add_mapped(glibc, &found, found.chunk < page + CENSUS_PAGE ? page : first);
		first = page = found.end;
	}
	err = err ? err : reader.failed;
	reader__free(&reader);
	return err;
}
