/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* The blocks that are lost, by what they are. */
#ifndef MEMTRACE_CENSUS_LEAKS_H
#define MEMTRACE_CENSUS_LEAKS_H

#include "census/classes.h"
#include "census/reach.h"
#include "census/suspects.h"

#define LEAK_SAMPLES 4

enum leak_kind { LEAK_DEFINITE, LEAK_INDIRECT, LEAK_POSSIBLE, LEAK_KINDS };

struct leak_sum {
	uint64_t count, bytes;
};

struct leak_group {
	enum leak_kind kind;
	uint32_t class; /* index into classes.all */
	struct leak_sum sum;
	uint64_t samples[LEAK_SAMPLES]; /* addresses; 0: no more */
};

struct leaks {
	struct leak_sum kinds[LEAK_KINDS];
	VEC(struct leak_group) groups; /* by kind, then bytes, descending */
};

/* The kind of a leak that a block in that state is (census/reach.h); -1: it is none. */
int leak_kind__of(uint8_t state);

/* "definite", "indirect", "possible". */
const char *leak_kind__name(enum leak_kind kind);

/*
 * Tells the blocks of the last look apart in @states, by the suspects of all looks: what moved
 * while it was looked at is in use, and so is what it points to. 0 or -ENOMEM.
 */
int leaks__settle(
	const struct pointer_graph *graph, const struct suspects *suspects, uint8_t *states);

/*
 * Judges the blocks of the last look, whose reach__mark is in @states, by the suspects of all
 * looks.
 * @states then tells them all apart; a block that is not a suspect is a START. 0 or -ENOMEM.
 */
int leaks__judge(const struct pointer_graph *graph, const struct classes *classes,
	const struct suspects *suspects, uint8_t *states, struct leaks *out);
void leaks__free(struct leaks *leaks);

#endif
