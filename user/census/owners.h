/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Who owns the blocks: the variable, thread or mapping without which they would be lost. A block
 * that pointers from one root alone lead to is that root's (the root dominates it); one that
 * several lead to is shared. Stacks and registers own only what nothing else reaches: what a
 * function works on at the moment belongs to the structure that it is in.
 *
 * Beside the sum there is the way from the root to the mass, by classes: every block has the chain
 * of the classes of the blocks on a shortest way to it, where equal ones in a row are one.
 */
#ifndef MEMTRACE_CENSUS_OWNERS_H
#define MEMTRACE_CENSUS_OWNERS_H

#include "census/classes.h"
#include "census/pointer_graph.h"

/* Chains, and owners, beyond: what hangs on them is counted where it hangs. */
#define OWNERS_MAX_CHAINS (1u << 20)
#define OWNERS_MAX (1u << 18)

struct owner {
	char *name;	/* "g_sessions (server)"; of those shared "(shared)" */
	uint64_t count; /* blocks retained */
	uint64_t bytes;
	uint32_t chain; /* its root */
};

/* A node of the tree of chains. A parent comes before its children. */
struct owner_chain {
	uint32_t parent; /* itself: the root of an owner's */
	uint32_t owner;
	uint32_t class; /* of a root: CHAIN_NO_CLASS */
	uint64_t count; /* blocks with just this chain */
	uint64_t bytes;
	uint64_t all_bytes; /* those of longer ones, too */
	uint64_t all_count;
	uint32_t heaviest; /* of its children; CHAIN_NO_CLASS: none */
};
#define CHAIN_NO_CLASS UINT32_MAX

struct owners {
	VEC(struct owner) all; /* the first is "(shared)" */
	VEC(struct owner_chain) chains;
};

/* 0 or -ENOMEM; @names may be NULL. The caller calls owners__free in every case. */
int owners__find(const struct census_image *image, const struct pointer_graph *graph,
	const struct classes *classes, const struct census_names *names, struct owners *out);
void owners__free(struct owners *owners);

/* At most so many steps of the way from an owner to the mass are reported. */
#define OWNER_STEPS 8

/*
 * The way from @owner on to where most of its bytes are, as long as one class has a third of them:
 * the chains' indices in @steps. Returns how many.
 */
size_t owners__way(
	const struct owners *owners, const struct owner *owner, uint32_t steps[OWNER_STEPS]);

#endif
