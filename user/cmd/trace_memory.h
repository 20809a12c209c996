/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the traced processes have in memory, asked of /proc when a report is made. */
#ifndef MEMTRACE_CMD_TRACE_MEMORY_H
#define MEMTRACE_CMD_TRACE_MEMORY_H

#include "stream/feed.h"

/*
 * Feeds a record of it for each process that runs, as if it had come through the ring; of many the
 * first TRACE_MEMORY_PROCESSES. Under the stream's lock.
 */
void trace_memory__look(struct feed *feed);

/* Each takes some 10 us, in which the stream waits. */
#define TRACE_MEMORY_PROCESSES 1024

#endif
