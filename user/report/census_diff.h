/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What grew between two censuses: classes and shapes, owners, what is lost. A census is kept as the
 * JSON document that census_json.h writes.
 */
#ifndef MEMTRACE_REPORT_CENSUS_DIFF_H
#define MEMTRACE_REPORT_CENSUS_DIFF_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/vec.h"

enum census_part { CENSUS_CLASSES, CENSUS_OWNERS, CENSUS_LEAKS, CENSUS_PARTS };

struct census_figures {
	uint64_t count;
	uint64_t bytes;
};

/* A class, an owner or a group of what is lost. */
struct census_change {
	const char *name; /* the documents' */
	struct census_figures before, after;
};

struct census_changes {
	VEC(struct census_change) all; /* the largest growth first, what shrank last */
};

struct census_diff {
	json_t *before, *after; /* the documents; census_diff__free releases them */
	struct census_changes parts[CENSUS_PARTS];
};

/* Whether the file at @path begins as a JSON document: a census then, and not a recording. */
bool census_diff__is_census(const char *path);

/* Reads the census at @path. 0 or a negative errno with @error set; the caller releases *@out. */
int census_diff__load(const char *path, json_t **out, struct error *error);

/* Takes over both documents, in every case. 0 or -ENOMEM; the caller calls census_diff__free. */
int census_diff__compute(struct census_diff *diff, json_t *before, json_t *after);
void census_diff__free(struct census_diff *diff);

/* At most @top of each part; 0: 10. */
void census_diff__write_text(const struct census_diff *diff, size_t top, FILE *file);

/* {version, before{}, after{}, classes[], owners[], leaks[]} with what is unchanged, too. */
void census_diff__write_json(const struct census_diff *diff, FILE *file);

#endif
