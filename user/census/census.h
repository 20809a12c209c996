/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A census: what is in the heap of a process that grew before anyone looked, from its memory alone.
 */
#ifndef MEMTRACE_CENSUS_CENSUS_H
#define MEMTRACE_CENSUS_CENSUS_H

#include "census/account.h"
#include "census/leaks.h"
#include "census/owners.h"
#include "census/survey.h"

/* Looks that a block has to be found lost in, by default. */
#define CENSUS_LOOKS 3

struct census_options {
	size_t looks;			  /* 0: the account and the counts alone, of one look */
	const struct census_names *names; /* may be NULL */
	/*
	 * Asked once, with the live blocks and about how many bytes of memory it will take, before
	 * pointers are followed: false leaves it at the account and the counts. May be NULL.
	 */
	bool (*agree)(void *context, uint64_t count, uint64_t bytes);
	void *context;
};

/* Bytes for a block of the graph and of what is found in it, with two pointers each; measured. */
#define CENSUS_BLOCK_COST 56

struct census {
	bool has_heap;
	char no_heap[ERROR_MESSAGE_SIZE]; /* why there is none */
	const char *unread;		  /* census/unread.h: an allocator that is not read */
	struct survey survey;
	struct account account;
	bool has_graph; /* classes, owners and leaks are known */
	struct classes classes;
	struct owners owners;
	struct leaks leaks;
	uint64_t acquitted;  /* blocks that one look alone would have called lost */
	uint64_t read_bytes; /* of the last look at pointers */
	size_t looks;
};

/*
 * Takes a census of @image. A process without a heap that is known has its account alone. 0 or a
 * negative errno with @error set; the caller calls census__free in every case.
 */
int census__take(const struct census_image *image, const struct census_options *options,
	struct census *out, struct error *error);

void census__free(struct census *census);

#endif
