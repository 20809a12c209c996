/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_memory.h"

#include "base/clock.h"
#include "process/smaps.h"

/* False: the process is gone, or no longer has memory. */
static bool read_memory(pid_t pid, struct event_memory *event)
{
	struct resident_pages pages;

	if (!resident_pages__read(pid, &pages))
		return false;
	event->resident_pages = pages.all;
	if (pages.all > pages.shared)
		event->anonymous_pages = pages.all - pages.shared;
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
