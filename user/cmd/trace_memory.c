/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"

/* Seven numbers of at most 20 digits, proc_pid_statm(5). */
#define STATM_LIMIT 256

/* False: the process is gone, or no longer has memory. */
static bool read_memory(pid_t pid, struct event_memory *event)
{
	uint64_t shared_pages;
	char path[40], *text;
	size_t size;
	int count;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (file__read(path, STATM_LIMIT, &text, &size))
		return false;
	/* "size resident shared ...": shared is file-backed and shared memory. */
	count = sscanf(text, "%*u %" SCNu64 " %" SCNu64, (uint64_t *)&event->resident_pages,
		&shared_pages);
	free(text);
	if (count != 2 || !event->resident_pages)
		return false;
	if (event->resident_pages > shared_pages)
		event->anonymous_pages = event->resident_pages - shared_pages;
	return true;
}

void trace_memory__look(struct feed *feed)
{
	size_t count = heap__process_count(feed->heap), looked = 0;
	struct heap_process process;

	for (size_t i = 0; i < count && looked < TRACE_MEMORY_PROCESSES; i++) {
		struct event_memory event = {.header.kind = EVENT_MEMORY};

		heap__process(feed->heap, i, &process);
		if (process.end != PROCESS_RUNS || !process.pid || process.shares_memory)
			continue;
		looked++;
		event.header.process = process.number;
		event.header.tid = process.pid;
		event.header.time_ns = clock__now_ns();
		if (read_memory(process.pid, &event))
			feed__record(feed, &event.header, sizeof(event));
	}
}
