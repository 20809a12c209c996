/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Closes links in the background. Closing one waits for grace periods of the kernel, 40 to 100 ms;
 * those of a process that has ended must not hold up the processes that run, and many that wait
 * at the same time wait together.
 */
#ifndef MEMTRACE_ATTACH_CLOSER_H
#define MEMTRACE_ATTACH_CLOSER_H

#include <stddef.h>

struct closer;

/* NULL: no memory. Threads are made when there is something to close, and end when there is not. */
struct closer *closer__new(void);

/* Waits until all is closed. */
void closer__free(struct closer *closer);

/*
 * Closes the descriptors, soon. Where more wait than a bound it does not come back before there are
 * fewer: so they cannot pile up. Where no thread can be made it closes them itself.
 */
void closer__close(struct closer *closer, const int *fds, size_t count);

#endif
