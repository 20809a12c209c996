/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Unwind tables on disk, by the hash of what they come from (content.h): one file per table under
 * $XDG_CACHE_HOME/memtrace (default ~/.cache/memtrace). It may be deleted at any time. It is a
 * cache and not a source of truth: a file that is not ours alone (another owner, writable by
 * others, a link, linked twice), not whole, of another version or for another key is as if it were
 * not there, and so is a folder that others may write to.
 *
 * A file: struct header (cache.c), then the rows, then the rare rules, in the machine's own byte
 * order; a 64-bit XXH3 hash over everything after it.
 */
#ifndef MEMTRACE_UNWIND_CACHE_H
#define MEMTRACE_UNWIND_CACHE_H

#include "base/error.h"
#include "unwind/content.h"
#include "unwind/table.h"

/* What all files may take together; the least recently used ones go first. clang's take 14 MiB. */
#define UNWIND_CACHE_LIMIT (256ull << 20)

struct unwind_cache;

/*
 * Opens (and makes) the folder @path, or the default one if NULL; at most @limit bytes are kept in
 * it. 0 or a negative errno: -EPERM for a folder of another owner or that others may write to,
 * -ENOENT if there is no home. Without a cache everything works, slower.
 */
int unwind_cache__open(
	struct unwind_cache **out, const char *path, uint64_t limit, struct error *error);
void unwind_cache__close(struct unwind_cache *cache);

/* UNWIND_SECRET_SIZE random bytes, for unwind_content__hash: the same ones every time. */
const uint8_t *unwind_cache__secret(const struct unwind_cache *cache);

/*
 * The table for a key of @size bytes, at most 32: a new one that the caller frees. -ENOENT if there
 * is none that can be used, or -ENOMEM.
 */
int unwind_cache__load(
	struct unwind_cache *cache, const uint8_t *key, size_t size, struct unwind_table **out);

/*
 * Keeps @table. 0 or a negative errno, which only means that it was not kept. Readers see a whole
 * file or none.
 */
int unwind_cache__store(struct unwind_cache *cache, const uint8_t *key, size_t size,
	const struct unwind_table *table);

#endif
