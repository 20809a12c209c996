/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/huge_pages.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "process/huge_page_setting.h"
#include "process/smaps.h"

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

/*
 * Whether a huge page came. Of a process that is gone, or of a page that went at once, as it was
 * with the last one that could be asked about.
 */
static bool is_huge(pid_t tid, uint64_t address)
{
	static bool last;
	int fd = pagemap__open(tid, NULL), huge;

	if (fd < 0)
		return last;
	huge = pagemap__is_huge(fd, address);
	close(fd);
	if (huge >= 0)
		last = huge;
	return last;
}

void huge_pages__resolve(struct event_alloc *fault)
{
	uint64_t page = sysconf(_SC_PAGESIZE), huge = huge_page_bytes();

	if (!huge || !is_huge(fault->header.tid, fault->address))
		return;
	fault->address &= -huge;
	fault->size *= huge / page;
}
