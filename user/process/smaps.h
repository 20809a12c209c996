/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What of a process's mappings is in memory: /proc/PID/smaps (proc_pid_smaps(5)) by mappings, and
 * /proc/PID/pagemap (the kernel's admin-guide/mm/pagemap.rst) by pages.
 */
#ifndef MEMTRACE_PROCESS_SMAPS_H
#define MEMTRACE_PROCESS_SMAPS_H

#include "process/maps.h"

struct mapping_memory {
	uint64_t resident; /* bytes: Rss */
	uint64_t swapped;  /* bytes: Swap */
	bool is_device;	   /* VmFlags: its pages are not memory, or do not belong to a file's page
			      cache */
};

struct smaps {
	struct maps maps;
	struct mapping_memory *memory; /* of each mapping of `maps` */
};

/*
 * Reads those of process @pid. Returns 0 or a negative errno with @error set, -ESRCH where it is
 * gone or no longer has memory. The caller calls smaps__free.
 */
int smaps__read(pid_t pid, struct smaps *out, struct error *error);

/* Parses such text. 0 or -ENOMEM. */
int smaps__parse(const char *text, size_t size, struct smaps *out);

void smaps__free(struct smaps *smaps);

struct resident_pages {
	uint64_t all;
	uint64_t shared; /* of files, and shared memory */
};

/*
 * Reads /proc/PID/statm (proc_pid_statm(5)); 0: this process's own, whatever number that /proc has
 * for it. False: the process is gone, or no longer has memory.
 */
bool resident_pages__read(pid_t pid, struct resident_pages *out);

/* Bits of an entry of pagemap, one of 8 bytes for each page. */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)

/* Opens the pagemap of @pid: an fd, or a negative errno with @error set. */
int pagemap__open(pid_t pid, struct error *error);

/* Reads the entries of @count pages from @address on. 0, or -ESRCH where the process is gone. */
int pagemap__read(int fd, uint64_t address, size_t count, uint64_t *entries);

/*
 * Whether the page at @address is part of a huge one: 1 or 0; -ENOENT: no page is there; -ESRCH:
 * the process is gone; -ENOTSUP: neither this kernel (before 6.7) nor /proc/kpageflags, which needs
 * CAP_SYS_ADMIN, tells.
 */
int pagemap__is_huge(int fd, uint64_t address);

#endif
