/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The walk over one region, from chunk to chunk by their sizes, in a heap that may change while it
 * is read: a chunk that makes no sense is read again, from ever further back. What then still
 * makes none is skipped up to where chunks follow each other again, and confirmed as broken only
 * if it says the same a while later.
 */
#include <errno.h>

#include "census/glibc.h"

/* How far back a retry begins, in chunks: what was read last may have led astray. */
static const size_t retreats[] = {1, 8, 60, 8, 60, 60, 60};
#define RETRIES (sizeof(retreats) / sizeof(*retreats))
/*
 * From this one on the target gets time first: a thread that lost its processor in the middle of
 * malloc, or stands in a page fault there, leaves chunks half cut for that long. A heap that is
 * broken all over does not get it every time.
 */
#define FIRST_PATIENT 3
#define MAX_PAUSES 100
#define TRAIL 64
/* So many chunks in a row that make sense are a chain: noise does not hold out so long. */
#define CHAIN_LENGTH 12
/* A region grows so often while it is walked, at most to so much more: then it ends where it did.
 */
#define MAX_GROWTHS 64
#define MAX_GROWTH (1ull << 30)
/* struct heap_info: the bytes in use of a heap that is not the main arena's. */
#define HEAP_INFO_SIZE 16

struct trail_point {
	uint64_t chunk;
	size_t blocks; /* how many there were when it was reached */
};

struct chunk_walk {
	struct glibc *glibc;
	struct glibc_region region; /* its end is raised when it grows meanwhile */
	size_t growths;
	struct census_reader *reader;
	uint64_t top;
	bool is_main;
	struct trail_point trail[TRAIL]; /* a ring */
	size_t steps;
	uint64_t trouble; /* the last chunk that made no sense */
	size_t tries;	  /* retries since */
};

enum chunk_kind {
	CHUNK_IN_USE,
	CHUNK_FREE,
	CHUNK_TOP,
	CHUNK_FENCE, /* the end of what is contiguous */
	CHUNK_BROKEN,
	CHUNK_UNREADABLE, /* it, or what tells whether it is free, is not in memory */
};

struct chunk {
	enum chunk_kind kind;
	uint64_t size;
	uint64_t head;
};

/* The arena's top now: it moves while the walk goes on. */
static uint64_t read_top(struct chunk_walk *walk)
{
	struct glibc *glibc = walk->glibc;
	uint64_t arena = glibc->arenas.data[walk->region.arena].address;
	uint64_t top;

	reader__drop(&glibc->narrow);
	if (reader__word(&glibc->narrow, arena + ARENA_TOP, &top))
		walk->top = top;
	return walk->top;
}

/* Whether the region ends further up than it did when it was found. */
static bool grow(struct chunk_walk *walk)
{
	struct census_reader *narrow = &walk->glibc->narrow;
	uint64_t head, size, top = read_top(walk), end = 0;

	if (walk->growths++ >= MAX_GROWTHS)
		return false;
	if (walk->is_main && reader__word(narrow, top + 8, &head))
		end = top + chunk_size(head);
	else if (!walk->is_main && reader__word(narrow, walk->region.start + HEAP_INFO_SIZE, &size))
		end = walk->region.start + size;
	if (end <= walk->region.end || end - walk->region.end > MAX_GROWTH)
		return false;
	walk->region.end = end;
	reader__aim(walk->reader, end);
	return true;
}

/*
 * What the chunk at @address is that reaches the region's end, or that no chunk follows: the top,
 * if the arena's has moved on within it since, or what lies behind a top that has moved down.
 */
static void judge_last(struct chunk_walk *walk, uint64_t address, struct chunk *chunk)
{
	uint64_t left = walk->region.end - address, top = read_top(walk);
	bool within = top >= address && top - address < chunk->size;

	/* A top ends with a page. */
	if (chunk->size == left || (within && (address + chunk->size) % CENSUS_PAGE == 0)) {
		chunk->kind = CHUNK_TOP;
		chunk->size = chunk->size < left ? chunk->size : left;
	} else if (top >= walk->region.first && top <= address) {
		chunk->kind = CHUNK_FENCE;
	}
}

static struct chunk read_chunk(struct chunk_walk *walk, uint64_t address)
{
	struct chunk chunk = {.kind = CHUNK_UNREADABLE};
	uint64_t next, head, pair[2];
	const void *at;

	if (!reader__word(walk->reader, address + 8, &head))
		return chunk;
	chunk.kind = CHUNK_BROKEN;
	chunk.head = head;
	chunk.size = chunk_size(head);
	if (chunk.size < CHUNK_MIN) {
		if (chunk.size <= CHUNK_HEADER && (head & CHUNK_PREV_IN_USE))
			chunk.kind = CHUNK_FENCE;
		return chunk;
	}
	if (chunk.size % CHUNK_ALIGN || (head & CHUNK_IS_MAPPED))
		return chunk;
	if (address == walk->top && read_top(walk) == address) {
		uint64_t left = walk->region.end - address;

		chunk.kind = CHUNK_TOP;
		chunk.size = chunk.size < left ? chunk.size : left;
		return chunk;
	}
	next = address + chunk.size;
	if (chunk.size >= walk->region.end - address || walk->region.end - next < CHUNK_HEADER)
		return chunk;
	at = reader__at(walk->reader, next, CHUNK_HEADER);
	if (!at) {
		chunk.kind = CHUNK_UNREADABLE;
		return chunk;
	}
	memcpy(pair, at, sizeof(pair));
	if (pair[1] & CHUNK_PREV_IN_USE)
		chunk.kind = CHUNK_IN_USE;
	else if (pair[0] == chunk.size)
		chunk.kind = CHUNK_FREE;
	return chunk;
}

static int add_block(const struct chunk_walk *walk, uint64_t address, const struct chunk *chunk)
{
	static const uint8_t states[] = {
		[CHUNK_IN_USE] = BLOCK_LIVE, [CHUNK_FREE] = BLOCK_FREE, [CHUNK_TOP] = BLOCK_TOP};

	/* A block reaches into the next chunk's prev_size: usable are all bytes but the head's. */
	return blocks__add(&walk->glibc->survey->blocks,
		(struct census_block){
			.address = address + CHUNK_HEADER,
			.size = chunk->size - (chunk->kind == CHUNK_TOP ? CHUNK_HEADER : 8),
			.state = states[chunk->kind],
			.arena = walk->region.arena,
		});
}

/* Whether from @address on chunks follow each other. */
static bool is_chain(struct chunk_walk *walk, uint64_t address)
{
	for (size_t i = 0; i < CHAIN_LENGTH; i++) {
		struct chunk chunk = read_chunk(walk, address);
		uint64_t wanted = walk->is_main ? 0 : CHUNK_NON_MAIN;

		if (chunk.kind == CHUNK_TOP)
			return true;
		if (chunk.kind == CHUNK_FENCE)
			return i > 1;
		if (chunk.kind == CHUNK_BROKEN || chunk.kind == CHUNK_UNREADABLE)
			return false;
		if (chunk.kind == CHUNK_IN_USE && (chunk.head & CHUNK_NON_MAIN) != wanted)
			return false;
		address += chunk.size;
	}
	return true;
}

/* The next place from @from on where a chain begins; the region's end if there is none. */
static uint64_t find_chain(struct chunk_walk *walk, uint64_t from)
{
	uint64_t end = walk->region.end;
	struct census_reader *reader = walk->reader;

	from = (from + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1);
	for (uint64_t at = from; at < end && end - at >= CHUNK_HEADER; at += CHUNK_ALIGN) {
		if (reader->failed)
			return end;
		if (!reader__at(reader, at, CHUNK_HEADER)) {
			/* Nothing begins in a page that is not there. */
			at = page_floor(at) + CENSUS_PAGE - CHUNK_ALIGN;
			continue;
		}
		if (is_chain(walk, at))
			return at;
	}
	return end;
}

/* The first chunk of a region where nothing says where it is: at its start, as a rule. */
static uint64_t find_first(struct chunk_walk *walk)
{
	struct chunk chunk = read_chunk(walk, walk->region.start);

	return chunk.kind < CHUNK_FENCE ? walk->region.start : find_chain(walk, walk->region.start);
}

static uint64_t swapped_bytes(const struct chunk_walk *walk, uint64_t from, uint64_t to)
{
	const struct census_memory *memory = &walk->glibc->image->memory;
	uint64_t bytes = 0;

	for (uint64_t page = page_floor(from); page < to; page += CENSUS_PAGE) {
		uint8_t state = PAGE_ABSENT;

		if (memory->pages(memory->context, page, 1, &state))
			break;
		bytes += state == PAGE_SWAPPED ? CENSUS_PAGE : 0;
	}
	return bytes < to - from ? bytes : to - from;
}

/* A head that was written over is a finding; a page that is not there is not. */
static void note_broken(struct chunk_walk *walk, uint64_t address, const struct chunk *chunk)
{
	const struct census_blocks *blocks = &walk->glibc->survey->blocks;
	const struct census_block *last = blocks->size ? &blocks->data[blocks->size - 1] : NULL;
	struct census_finding finding = {.address = address, .value = chunk->head};

	if (chunk->kind != CHUNK_BROKEN)
		return;
	if (last && last->address + last->size - 8 == address) {
		finding.after = last->address;
		finding.after_size = last->size;
	}
	survey__note(walk->glibc->survey, finding);
}

/* False if it is time to wait but no longer of use: nothing runs, or waiting was in vain. */
static bool wait_if_patient(struct chunk_walk *walk)
{
	const struct census_memory *memory = &walk->glibc->image->memory;

	if (walk->tries < FIRST_PATIENT)
		return true;
	if (!memory->pause || walk->glibc->pauses++ >= MAX_PAUSES)
		return false;
	memory->pause(memory->context);
	return true;
}

/*
 * Nothing makes sense at @address: where to go on. Further back first, with what is there now;
 * after some tries behind it.
 */
static uint64_t recover(struct chunk_walk *walk, uint64_t address, const struct chunk *chunk)
{
	struct survey *survey = walk->glibc->survey;
	uint64_t onward;

	reader__distrust(walk->reader);
	if (walk->trouble != address)
		walk->tries = 0;
	walk->trouble = address;
	if (walk->tries < RETRIES && walk->steps > retreats[walk->tries] && wait_if_patient(walk)) {
		const struct trail_point *back =
			&walk->trail[(walk->steps - 1 - retreats[walk->tries]) % TRAIL];

		survey->in_motion += walk->tries == 0;
		survey->blocks.size = back->blocks;
		walk->steps -= retreats[walk->tries++] + 1;
		return back->chunk;
	}
	survey->in_motion -= walk->tries > 0;
	note_broken(walk, address, chunk);
	onward = find_chain(walk, address + CHUNK_ALIGN);
	survey->skipped_bytes += onward - address;
	/* Out of memory: the next block that is added will report it. */
	(void)vec_push(
		&survey->skipped, (struct census_span){address, onward, walk->region.arena, false});
	survey->swapped_bytes += swapped_bytes(walk, address, onward);
	walk->steps = 0;
	return onward;
}

/* Behind a fence: others' memory, then perhaps more of this arena's. */
static uint64_t pass_fence(struct chunk_walk *walk, uint64_t address)
{
	uint64_t end = walk->region.end;

	if (!walk->region.has_gaps || walk->top < address || walk->top >= end)
		return end;
	walk->steps = 0;
	return find_chain(walk, address + 2 * CHUNK_HEADER);
}

int glibc__walk(struct glibc *glibc, const struct glibc_region *region)
{
	struct chunk_walk walk = {
		.glibc = glibc,
		.region = *region,
		.reader = &glibc->wide,
		.top = glibc->arenas.data[region->arena].top,
		.is_main = glibc->arenas.data[region->arena].is_main,
	};
	uint64_t at = region->first;

	reader__aim(walk.reader, region->end);
	if (!at)
		at = find_first(&walk);
	while (at < walk.region.end && !walk.reader->failed) {
		struct chunk chunk = read_chunk(&walk, at);

		if (chunk.kind >= CHUNK_BROKEN && chunk.size >= CHUNK_MIN) {
			if (chunk.size > walk.region.end - at && grow(&walk))
				continue;
			judge_last(&walk, at, &chunk);
		}
		if (chunk.kind == CHUNK_FENCE) {
			at = pass_fence(&walk, at);
			continue;
		}
		if (chunk.kind >= CHUNK_BROKEN) {
			at = recover(&walk, at, &chunk);
			continue;
		}
		walk.trail[walk.steps++ % TRAIL] =
			(struct trail_point){at, glibc->survey->blocks.size};
		if (add_block(&walk, at, &chunk))
			return -ENOMEM;
		if (chunk.kind == CHUNK_TOP)
			break;
		at += chunk.size;
	}
	return walk.reader->failed;
}
