/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where a process's resident memory is: an account whose parts add up to its RSS. Of the heap it
 * needs the survey with its free blocks.
 */
#ifndef MEMTRACE_CENSUS_ACCOUNT_H
#define MEMTRACE_CENSUS_ACCOUNT_H

#include "census/survey.h"

enum account_part {
	ACCOUNT_HEAP_LIVE,     /* blocks that the program has, their headers too */
	ACCOUNT_HEAP_BIG,      /* those with mappings of their own */
	ACCOUNT_HEAP_FREE,     /* in the allocator's lists */
	ACCOUNT_HEAP_CACHED,   /* free, in threads' caches and fastbins */
	ACCOUNT_HEAP_TOP,      /* at the ends of arenas */
	ACCOUNT_HEAP_OVERHEAD, /* the allocator's own */
	ACCOUNT_HEAP_UNREAD,   /* could not be understood */
	ACCOUNT_STACKS,
	ACCOUNT_DATA,	    /* modules' variables: .data, .bss */
	ACCOUNT_FILES,	    /* modules' code and constants, mapped files */
	ACCOUNT_SHARED,	    /* shared memory */
	ACCOUNT_EXECUTABLE, /* code that is in no file */
	ACCOUNT_ANONYMOUS,  /* the rest: other allocators' memory, run-time systems' heaps */
	ACCOUNT_SPECIAL,    /* the kernel's and devices' */
	ACCOUNT_PARTS,
};

struct account {
	uint64_t parts[ACCOUNT_PARTS]; /* resident bytes */
	uint64_t resident;	       /* their sum: RSS */
	uint64_t swapped;
	uint64_t
		returnable; /* of FREE and TOP: whole pages, which malloc_trim(3) would give back */
};

/* Its key in reports, "heap_live", and what it is in words. */
const char *account__key(enum account_part part);
const char *account__words(enum account_part part);

/* 0 or a negative errno. @survey may be NULL: no heap was found. */
int account__take(
	const struct census_image *image, const struct survey *survey, struct account *out);

#endif
