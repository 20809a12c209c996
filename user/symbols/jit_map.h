/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Names of code made at run time, from the file /tmp/perf-PID.map that JIT compilers (node, Java
 * agents, .NET, PyPy, LuaJIT...) write for profilers: "START SIZE name" a line, both hexadecimal.
 * Format: tools/perf/Documentation/jit-interface.txt in the kernel source.
 *
 * Memory of code is used again: of several lines about an address the one counts that was the last
 * at a time. Time is counted in bytes of the file, and goes on where the file begins anew: the log
 * of changes (process/jit_places.h) knows how many bytes there were before.
 *
 * The file is the target's: looked up in its root by the PID that it knows itself by, used only if
 * its owner is the target's user or root, and every line is checked.
 */
#ifndef MEMTRACE_SYMBOLS_JIT_MAP_H
#define MEMTRACE_SYMBOLS_JIT_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/spaces.h"
#include "symbols/budget.h"
#include "symbols/range_index.h"

/* Names that were gone before they were read, in bytes of all that was written. */
struct jit_gap {
	uint64_t from;
	uint64_t to;
};

struct jit_map {
	int directory; /* not ours */
	pid_t own_pid;
	uid_t uid;
	int fd;		   /* -1 until the file is found; stays open when the process has exited */
	uint64_t base;	   /* bytes of names before this file */
	uint64_t parsed;   /* bytes of the file, whole lines */
	uint64_t stale;	   /* of them, an earlier process's that had the PID: without names */
	uint64_t tried_ns; /* when the file was last looked for: kept for the owner */
	bool refused;	   /* the file is another user's, or grew too large */
	struct spaces *spaces; /* not ours; NULL: a file that begins anew is not noticed */
	uint32_t image;
	struct symbol_budget *budget; /* not ours; NULL: without bound */
	uint64_t taken;		      /* bytes of it */
	struct range_index ranges;    /* value: index into names */
	bool unsorted;		      /* lines have come since they were searched last */
	VEC(char *) names;
	VEC(uint64_t) places; /* of their lines, in bytes as above; rising */
	VEC(struct jit_gap) gaps;
	size_t skipped; /* lines that were not understood */
};

/*
 * @directory: the process's /tmp, which stays the caller's and open as long as the map. @own_pid:
 * as the process itself sees it. @uid: the user whose file is believed. @budget: what reading may
 * cost, all maps together; stays the caller's; or NULL.
 */
void jit_map__init(
	struct jit_map *map, int directory, pid_t own_pid, uid_t uid, struct symbol_budget *budget);

/*
 * What is in the file now is an earlier process's unless something was written since @start_ns
 * (CLOCK_MONOTONIC), when the process began.
 */
void jit_map__skip_stale(struct jit_map *map, uint64_t start_ns);

/*
 * Takes up what was written since the last call, between the budget's begin and end; beyond it the
 * rest stays unnamed, which is reported. Returns 0, -ENOENT while there is no file, or another
 * negative errno.
 */
int jit_map__refresh(struct jit_map *map);

/*
 * The name of the code at run-time address @address, and its start; NULL where there is none. Of
 * several that were given the address, the last.
 */
const char *jit_map__find(struct jit_map *map, uint64_t address, uint64_t *start);

/* The same as of the time of a place that is at @address. */
const char *jit_map__find_at(
	struct jit_map *map, uint64_t address, const struct jit_place *place, uint64_t *start);

/*
 * Parses the whole lines of @text; returns how many bytes they have, or -ENOMEM, or -E2BIG beyond
 * the budget, with the names before it kept.
 */
ssize_t jit_map__parse(struct jit_map *map, const char *text, size_t size);

void jit_map__free(struct jit_map *map);

#endif
