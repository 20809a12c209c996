/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/trace_resident.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/smaps.h"
#include "process/threads.h"

/* Entries of pagemap that are read at a time: 2 MiB of pages of 4 KiB. */
#define ENTRIES 512

static int compare_addresses(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static void give_back(struct feed *feed, const struct heap_process *process, uint64_t address)
{
	struct event_free event = {
		.header = {.kind = EVENT_FREE,
			.function = FUNCTION_PAGE_FAULT,
			.process = process->number,
			.tid = process->pid,
			.time_ns = clock__now_ns()},
		.address = address,
	};

	feed__record(feed, &event.header, sizeof(event));
}

static void look_at_pages(struct feed *feed, const struct heap_process *process, int pagemap,
	const page_addresses *pages)
{
	uint64_t page = sysconf(_SC_PAGESIZE), entries[ENTRIES];
	size_t next = 0;

	while (next < pages->size) {
		uint64_t start = pages->data[next];

		if (pagemap__read(pagemap, start, ENTRIES, entries))
			return;
		for (; next < pages->size && pages->data[next] - start < ENTRIES * page; next++)
			if (!(entries[(pages->data[next] - start) / page] &
				    (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)))
				give_back(feed, process, pages->data[next]);
	}
}

static void look_at_process(struct feed *feed, size_t index)
{
	struct heap_process process;
	page_addresses pages = {0};
	int pagemap;

	heap__process(feed->heap, index, &process);
	if (process.end != PROCESS_RUNS || !process.pid || process.shares_memory)
		return;
	if (!heap__pages(feed->heap, index, &pages) && pages.size) {
		qsort(pages.data, pages.size, sizeof(*pages.data), compare_addresses);
		pagemap = pagemap__open(threads__shown(process.pid), NULL);
		if (pagemap >= 0) {
			look_at_pages(feed, &process, pagemap, &pages);
			close(pagemap);
		}
	}
	vec_free(&pages);
}

void trace_resident__look(struct feed *feed)
{
	size_t count = heap__process_count(feed->heap);

	for (size_t i = 0; i < count; i++)
		look_at_process(feed, i);
}
