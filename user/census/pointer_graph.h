/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Which block has pointers to which, read conservatively: every aligned word whose value is an
 * address in a block counts as a pointer to it. One pass over the roots (everything writable that
 * is not heap, registers) and one over the blocks; after it nothing of the process is needed.
 *
 * In all, 16 bytes for a block itself, 10 for it here, 4 for each pointer and 16 for each in a
 * root.
 */
#ifndef MEMTRACE_CENSUS_POINTER_GRAPH_H
#define MEMTRACE_CENSUS_POINTER_GRAPH_H

#include "base/vec.h"
#include "census/image.h"
#include "census/survey.h"

/*
 * A pointer: the block's index, and where in the block it points. Beyond the start up to 48 bytes
 * that is known to the word, for whether it counts as one to the start depends on it.
 */
#define EDGE_PLACE_SHIFT 29
#define EDGE_TARGET ((1u << EDGE_PLACE_SHIFT) - 1)
#define EDGE_START 0u /* place: the first byte */
#define EDGE_INNER 7u /* place: anywhere else; 1 to 6 are that many words behind the start */

static inline uint32_t edge__target(uint32_t edge)
{
	return edge & EDGE_TARGET;
}

static inline uint32_t edge__place(uint32_t edge)
{
	return edge >> EDGE_PLACE_SHIFT;
}

enum root_kind {
	ROOT_DATA,   /* variables of modules */
	ROOT_MEMORY, /* other writable mappings, TLS among them */
	ROOT_STACK,  /* of a thread that waits, from its stack pointer on; or what a stack may be */
	ROOT_REGISTER, /* address: the thread's TID */
};

/* A pointer out of a root. */
struct root_edge {
	uint64_t address : 56; /* where it stands */
	uint64_t kind : 8;     /* enum root_kind */
	uint32_t edge;
};

/* A page, and what its contents hash to. */
struct page_print {
	uint64_t address;
	uint64_t hash;
};

struct page_prints {
	struct page_print *data;
	size_t size;
	size_t capacity;
};

/* What kind of thing a block is by its contents: the class's key, or its shape. */
enum block_shape {
	SHAPE_OBJECT,	/* begins with the address of what may be a vtable */
	SHAPE_ZEROES,	/* nothing but */
	SHAPE_TEXT,	/* begins with printable text */
	SHAPE_POINTERS, /* a third of its words or more point into the heap */
	SHAPE_DATA,
};

struct pointer_graph {
	const struct census_blocks *blocks;
	uint32_t *first; /* of each block its first edge; [blocks->size]: how many there are */
	VEC(uint32_t) edges;
	VEC(struct root_edge) roots;
	/* Of each block: bit n, a pointer to its n-th word (1 to 6) counts as one to its start. */
	uint8_t *hints;
	uint8_t *shapes;	  /* enum block_shape */
	uint32_t *prints;	  /* of each block: a hash of its contents */
	VEC(uint64_t) vtables;	  /* of each block of SHAPE_OBJECT in their order: its first word */
	struct page_prints pages; /* ascending */
	uint64_t read_bytes;
};

/*
 * Reads @image. The blocks of @survey are live ones alone and stay as they are as long as the
 * graph. Returns 0, -ESRCH where the process is gone, -ENOMEM, or -E2BIG (2^29 blocks, 2^32
 * pointers). The caller calls pointer_graph__free in every case.
 */
int pointer_graph__read(
	const struct census_image *image, const struct survey *survey, struct pointer_graph *out);
void pointer_graph__free(struct pointer_graph *graph);

#endif
