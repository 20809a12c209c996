/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/huge_pages.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "process/huge_page_setting.h"
#include "process/smaps.h"

/* Small pages in a huge one: 512 of 4 KiB; arm64 with pages of 64 KiB has 8192. */
#define MOST_ENTRIES 8192

/* The kernel's, which never changes: read once, and not for each record. The reader's thread alone
 * asks. */
static uint64_t huge_page_bytes(void)
{
	static uint64_t bytes;
	static bool known;

	if (!known)
		bytes = huge_pages__setting().bytes;
	known = true;
	return bytes;
}

static bool is_filled(pid_t tid, uint64_t start, size_t count)
{
	uint64_t entries[MOST_ENTRIES];
	int fd = pagemap__open(tid, NULL);
	bool filled = true;

	if (fd < 0)
		return true;
	if (!pagemap__read(fd, start, count, entries))
		for (size_t i = 0; i < count; i++)
			filled &= (entries[i] & PAGEMAP_PRESENT) != 0;
	close(fd);
	return filled;
}

void huge_pages__resolve(struct event_alloc *fault)
{
	uint64_t page = sysconf(_SC_PAGESIZE), huge = huge_page_bytes(), start;

	if (!huge || huge / page > MOST_ENTRIES)
		return;
	start = fault->address & -huge;
	if (!is_filled(fault->header.tid, start, huge / page))
		return;
	fault->address = start;
	fault->size *= huge / page;
}
