/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The memory that pointers to blocks are looked for in besides the blocks: everything writable that
 * no allocator manages. Of a waiting thread's stack, what lies below its stack pointer is left out;
 * a running thread's stack counts as a whole, since the pointer is not known.
 */
#ifndef MEMTRACE_CENSUS_ROOT_PIECES_H
#define MEMTRACE_CENSUS_ROOT_PIECES_H

#include "base/vec.h"
#include "census/pointer_graph.h"

struct root_piece {
	uint64_t start, end; /* of 8 bytes each */
	enum root_kind kind;
};

struct root_pieces {
	struct root_piece *data; /* ascending, not overlapping */
	size_t size;
	size_t capacity;
};

/* 0 or -ENOMEM; the caller frees @out->data. */
int root_pieces__find(
	const struct census_image *image, const struct survey *survey, struct root_pieces *out);

#endif
