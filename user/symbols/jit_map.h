/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Names of code made at run time, from the file /tmp/perf-PID.map that JIT compilers (node, Java
 * agents, .NET, PyPy, LuaJIT...) write for profilers: "START SIZE name" a line, both hexadecimal.
 * Format: tools/perf/Documentation/jit-interface.txt in the kernel source.
 *
 * The file is the target's: looked up in its root by the PID that it knows itself by, used only if
 * its owner is the target's user or root, and every line is checked.
 */
#ifndef MEMTRACE_SYMBOLS_JIT_MAP_H
#define MEMTRACE_SYMBOLS_JIT_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbols/budget.h"
#include "symbols/range_index.h"

struct jit_map {
	int directory; /* not ours */
	pid_t own_pid;
	uid_t uid;
	int fd;		   /* -1 until the file is found; stays open when the process has exited */
	uint64_t parsed;   /* bytes of the file, whole lines */
	uint64_t tried_ns; /* when the file was last looked for: kept for the owner */
	bool refused;	   /* the file is another user's, or grew too large */
	struct symbol_budget *budget; /* not ours; NULL: without bound */
	uint64_t taken;		      /* bytes of it */
	struct range_index ranges;    /* value: index into names */
	VEC(char *) names;
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
 * Takes up what was written since the last call, between the budget's begin and end; beyond it the
 * rest stays unnamed, which is reported. Returns 0, -ENOENT while there is no file, or another
 * negative errno.
 */
int jit_map__refresh(struct jit_map *map);

/*
 * The name of the code at run-time address @address, and its start; NULL where there is none. Of
 * several that were given the address, the last.
 */
const char *jit_map__find(const struct jit_map *map, uint64_t address, uint64_t *start);

/*
 * Parses the whole lines of @text; returns how many bytes they have, or -ENOMEM, or -E2BIG beyond
 * the budget, with the names before it kept.
 */
ssize_t jit_map__parse(struct jit_map *map, const char *text, size_t size);

void jit_map__free(struct jit_map *map);

#endif
