/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where blocks are pages that faults brought in: which of them are still there, asked of
 * /proc/PID/pagemap. madvise gives memory back by a call that nothing follows.
 */
#ifndef MEMTRACE_CMD_TRACE_RESIDENT_H
#define MEMTRACE_CMD_TRACE_RESIDENT_H

#include "stream/feed.h"

/*
 * Feeds a free for each page of a running process that is neither in memory nor swapped out, as if
 * it had come through the ring. Under the stream's lock.
 */
void trace_resident__look(struct feed *feed);

#endif
