/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The unwind tables of all modules that were seen: each is read from the disk cache or built once,
 * and kept. Any thread may ask.
 */
#ifndef MEMTRACE_UNWIND_STORE_H
#define MEMTRACE_UNWIND_STORE_H

#include "base/vec.h"
#include "process/maps.h"
#include "process/module.h"
#include "unwind/cache.h"
#include "unwind/walk.h"

struct unwind_store;

struct unwind_store_statistics {
	uint64_t built;	 /* tables made from the file */
	uint64_t cached; /* tables read from the disk cache */
	uint64_t failed; /* modules whose frame information cannot be read */
	uint64_t rows;
	uint64_t bytes; /* memory that the tables take here; BPF has a copy */
	uint64_t build_ns;
	uint64_t defects[RULE_DEFECT_COUNT];
};

/* @cache may be NULL (none) and becomes the store's. NULL if there is no memory. */
struct unwind_store *unwind_store__new(struct unwind_cache *cache);
/* The same with the default cache, or with none where that cannot be had, which is logged. */
struct unwind_store *unwind_store__new_cached(void);
void unwind_store__free(struct unwind_store *store);

/*
 * The module's table, valid as long as the store; NULL if it is unavailable, which
 * is logged once.
 */
const struct unwind_table *unwind_store__table(
	struct unwind_store *store, const struct module *module);

typedef VEC(struct unwind_mapping) unwind_mapping_vec;

/*
 * Describes process @pid, whose mappings @maps are, for walks: one element for each executable
 * mapping, sorted. Appends to @out, which the caller frees. 0 or -ENOMEM.
 */
int unwind_store__describe(struct unwind_store *store, struct modules *modules, pid_t pid,
	const struct maps *maps, unwind_mapping_vec *out);

struct unwind_store_statistics unwind_store__statistics(struct unwind_store *store);

#endif
