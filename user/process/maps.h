/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The address space of a process as /proc/PID/maps shows it: a sorted table of mappings.
 *
 * The text holds names that the target chose, so the parser takes nothing for granted; whatever
 * is not a proper line is skipped and counted. See proc_pid_maps(5) for the format.
 */
#ifndef MEMTRACE_PROCESS_MAPS_H
#define MEMTRACE_PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct mapping {
	uint64_t start;
	uint64_t end;	 /* first byte behind it */
	uint64_t offset; /* of `start` in the file, in bytes */
	uint64_t inode;	 /* 0: no file */
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t prot; /* PROT_READ | PROT_WRITE | PROT_EXEC */
	bool shared;
	bool deleted;	  /* the file no longer has a name; `path` is its last one */
	const char *path; /* as the target sees it; "[heap]", "[vdso]"...; "" for anonymous memory.
			     Not printable as it is: see text__make_printable. Owned by the maps. */
};

struct maps {
	struct mapping *data; /* ascending, not overlapping */
	size_t size;
	size_t skipped; /* lines that were not understood or out of order */
	char *text;	/* what the paths point into */
};

/*
 * Reads the mappings of process @pid. Returns 0 (an exited process, a zombie and a kernel thread
 * have none: size 0) or a negative errno with @error set, -ESRCH where there is no such process.
 * The caller calls maps__free.
 */
int maps__read(pid_t pid, struct maps *out, struct error *error);

/* Parses @size bytes of such text, which need not end with a 0. Returns 0 or -ENOMEM. */
int maps__parse(const char *text, size_t size, struct maps *out);

void maps__free(struct maps *maps);

/* The mapping that holds @address, or NULL. */
const struct mapping *maps__find(const struct maps *maps, uint64_t address);

/* Whether code can run from it: readable pages of a file or the vDSO, or JIT memory. */
static inline bool mapping__is_executable(const struct mapping *m)
{
	return m->prot & 4; /* PROT_EXEC */
}

/* The offset of @address in the file that @m maps. */
static inline uint64_t mapping__file_offset(const struct mapping *m, uint64_t address)
{
	return address - m->start + m->offset;
}

bool mapping__is_vdso(const struct mapping *m);

#endif
