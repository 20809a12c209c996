/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What each thread did at each call site, in bounded memory: pairs beyond SHARE_LIMIT are added up
 * under thread 0, "all others". A site remembers its latest pair, as calls of a site mostly come
 * from one thread, or many from one in a row.
 */
#ifndef MEMTRACE_HEAP_SHARES_H
#define MEMTRACE_HEAP_SHARES_H

#include "base/hash.h"
#include "base/vec.h"
#include "heap/sites.h"

/* About 80 MB with their index: a thousand threads at a thousand sites each. */
#define SHARE_LIMIT (1u << 20)

struct heap_share {
	uint32_t site;
	uint32_t thread; /* index of heap__threads */
	uint64_t alloc_count;
	uint64_t alloc_bytes;
	uint64_t temporary_count;
};

/* site << 32 | thread → index in the list */
DEFINE_HASH_NUMBER(share_index, uint64_t, uint32_t);

struct shares {
	VEC(struct heap_share) list; /* [0] takes what there is no memory for */
	struct share_index index;
	size_t limit;
};

/* @shares is {0}. @limit: 0 for SHARE_LIMIT. 0 or -ENOMEM. */
int shares__init(struct shares *shares, size_t limit);
void shares__free(struct shares *shares);

/* Adds what threads did that are @is_gone, by index, to thread 0. */
void shares__add_up(struct shares *shares, struct sites *sites, const bool *is_gone);

/* The share of a pair that is not the site's latest one, which it becomes. */
struct heap_share *shares__find(
	struct shares *shares, struct site *site, uint32_t id, uint32_t thread);

/* The share of @thread at site @id, new or known; valid until the next call. */
static inline struct heap_share *shares__at(
	struct shares *shares, struct site *site, uint32_t id, uint32_t thread)
{
	struct heap_share *latest = &shares->list.data[site->share];

	if (site->share && latest->thread == thread)
		return latest;
	return shares__find(shares, site, id, thread);
}

#endif
