/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The memory of a process beyond its end. The kernel frees an address space with its last user, and
 * whoever is reading it through /proc/PID/mem is one. So a thread of memtrace reads a byte of it to
 * a page of memtrace's own that userfaultfd(2) withholds: until the page is given, the address
 * space stays as the process left it. The process itself ends as it would have, when it would have,
 * with its status; nothing waits for memtrace but the memory.
 */
#ifndef MEMTRACE_PROCESS_PINNED_H
#define MEMTRACE_PROCESS_PINNED_H

#include "process/smaps.h"

struct pinned;

/*
 * Pins what @pid has mapped now, up to its next exec. Returns 0, or a negative errno with @error
 * set: -ENOSYS or -EPERM where the kernel has no userfaultfd for us. End it with pinned__release.
 */
int pinned__take(pid_t pid, struct pinned **out, struct error *error);

/* Lets the memory go. */
void pinned__release(struct pinned *pinned);

/* As memory__read, also when the process has ended. */
ssize_t pinned__read(const struct pinned *pinned, uint64_t address, void *to, size_t size);

/* For pagemap__read. */
int pinned__pagemap(const struct pinned *pinned);

/*
 * The mappings, also when the process has ended; once its parent has asked for its status, only
 * from Linux 6.11 on, and without the sums of what is in memory. 0 or a negative errno; the caller
 * calls smaps__free.
 */
int pinned__smaps(const struct pinned *pinned, struct smaps *out);

#endif
