/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Fills the maps of bpf/unwind.bpf.h: rows of tables, and where in an address space which table
 * holds. One owner thread. All changes are seen by BPF programs at once and whole: a walk that is
 * under way sees the old ranges or the new ones.
 *
 * Costs: tables that find no room in the newest segment, however many in one call, cost one map and
 * one synchronize_rcu (some milliseconds) in the kernel; else tables and ranges are written through
 * shared memory and cost one system call.
 */
#ifndef MEMTRACE_UNWIND_MAPS_H
#define MEMTRACE_UNWIND_MAPS_H

#include "base/error.h"
#include "unwind.h"
#include "unwind/walk.h"

struct unwind_maps;

struct unwind_maps_fds {
	int spaces;   /* fd of the map unwind_spaces */
	int ranges;   /* ... unwind_ranges */
	int segments; /* ... unwind_segments */
};

struct unwind_maps_statistics {
	uint64_t tables; /* loaded to BPF */
	uint64_t rows;
	uint64_t bytes;	       /* memory of row segments in the kernel */
	uint64_t rare;	       /* distinct rare rules */
	uint64_t rare_dropped; /* rows that became UNWIND_BAD as there was no room for theirs */
	uint64_t ranges;       /* in use */
	uint64_t processes;
};

/*
 * @shared is the object's mapped `unwind_shared` (skeleton: &skel->bss->unwind_shared); it and the
 * fds stay the caller's and must outlive the maps. 0 or a negative errno.
 */
int unwind_maps__new(struct unwind_maps **out, const struct unwind_maps_fds *fds,
	struct unwind_shared *shared, struct error *error);
void unwind_maps__free(struct unwind_maps *maps);

/*
 * Replaces what is known of @process's executable mappings: @mappings, sorted by start. Tables not
 * yet in BPF are loaded first; each is known by its address, so a table must not be freed before
 * the maps are. Forgets the process's cached rules. 0, or a negative errno and then nothing
 * changed; -ENOSPC: too many ranges, segments or processes.
 */
int unwind_maps__set(struct unwind_maps *maps, uint32_t process,
	const struct unwind_mapping *mappings, size_t count, struct error *error);

/*
 * To be called for each fork seen: @child unwinds with @parent's ranges until it is given its own.
 * The BPF program may have done its part already (unwind__share_space). 0 or a negative errno;
 * -ENOENT: the parent has none.
 */
int unwind_maps__share(struct unwind_maps *maps, uint32_t parent, uint32_t child);

/* Forgets a process image that is gone. Nothing if it is not known. */
void unwind_maps__drop(struct unwind_maps *maps, uint32_t process);

struct unwind_maps_statistics unwind_maps__statistics(const struct unwind_maps *maps);

#endif
