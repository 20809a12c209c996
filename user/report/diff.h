/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What changed between two reports, call site by call site. A site is the same in both when its
 * frames are at the same offsets of the same files (build IDs); frames of a file that was rebuilt
 * in between are compared by function instead, so that a new version can be held against the old.
 */
#ifndef MEMTRACE_REPORT_DIFF_H
#define MEMTRACE_REPORT_DIFF_H

#include <stdio.h>

#include "report/model.h"

enum diff_change {
	DIFF_SAME = 0, /* live bytes and blocks are equal */
	DIFF_GREW,
	DIFF_SHRANK,
	DIFF_APPEARED, /* the site allocated nothing in the first */
	DIFF_VANISHED,
};

/*
 * The figures of one side: live, or left at exit where several processes were traced that all have
 * ended; sums where several of its sites have the same key.
 */
struct diff_side {
	uint64_t live_count;
	uint64_t live_bytes;
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t temporary_count;
};

struct diff_site {
	const struct report_site *site; /* for its frames: of the second report if it is there */
	struct diff_side before;
	struct diff_side after;
	enum diff_change change;
};

typedef VEC(struct diff_site) diff_sites;

struct diff {
	const struct report *before;
	const struct report *after;
	diff_sites sites;  /* the largest change of live bytes first, growth before loss */
	diff_sites mapped; /* the same of sites that map memory, by bytes mapped */
	size_t counts[DIFF_VANISHED + 1];
};

/* Both reports must outlive @diff and hold all their sites (no --top). 0 or -ENOMEM; free it. */
int diff__compute(struct diff *diff, const struct report *before, const struct report *after);
void diff__free(struct diff *diff);

const char *diff__change_name(enum diff_change change);

/* Text for a terminal of @width columns (0: for a file) with the @top (0: 10) largest changes;
 * without unchanged sites. */
void diff__write_text(const struct diff *diff, unsigned int width, size_t top, FILE *file);

/* One JSON document: {version, before{}, after{}, sites[]} with unchanged sites as well. */
void diff__write_json(const struct diff *diff, FILE *file);

#endif
