/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Which blocks of a trace are lost, by the call sites that allocated them. */
#ifndef MEMTRACE_CENSUS_TRACED_LEAKS_H
#define MEMTRACE_CENSUS_TRACED_LEAKS_H

#include "census/leaks.h"
#include "census/traced.h"

/* Where the live set comes from; each look takes it anew. */
struct traced_source {
	void *context;
	/* Fills in @out, {0}, as of now. 0 or a negative errno. */
	int (*take)(void *context, struct traced_set *out);
};

struct traced_site {
	uint32_t site;
	struct leak_sum reachable;
	struct leak_sum kinds[LEAK_KINDS];
};

struct traced_leaks {
	size_t looks;
	struct leak_sum reachable;
	struct leak_sum kinds[LEAK_KINDS];
	struct leak_sum before[LEAK_KINDS]; /* of blocks that were not traced: from before it */
	VEC(struct traced_site) sites;	    /* that have live blocks, by number */
};

/*
 * Looks at @image up to @looks times (once if it does not run) and on while looks differ. Of blocks
 * that are live at the end those count as lost that all looks found so. 0, or a negative errno with
 * @error set; the caller calls traced_leaks__free in every case.
 */
int traced_leaks__find(const struct census_image *image, const struct traced_source *source,
	size_t looks, struct traced_leaks *out, struct error *error);
void traced_leaks__free(struct traced_leaks *leaks);

#endif
