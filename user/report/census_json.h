/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A census as one JSON document. Keys that stay: version; target{pid, command, threads, rss_bytes,
 * swapped_bytes}; account{NAME: bytes}, whose values add up to the RSS; heap{allocator, live_count,
 * live_bytes, free_bytes, own_count, own_bytes, arenas[]} where there is a heap that is known, else
 * no_heap says why; classes[], owners[] and leaks{} where pointers were followed; unread_allocator,
 * if there is one; in_motion; looks. Counts and bytes are exact integers.
 */
#ifndef MEMTRACE_REPORT_CENSUS_JSON_H
#define MEMTRACE_REPORT_CENSUS_JSON_H

#include <stdio.h>

#include "census/census.h"
#include "report/census_content.h"

#define CENSUS_JSON_VERSION 1

/* Whose heap it is, and how the look went. */
struct census_head {
	int pid;
	const char *version; /* of the program */
	const char *command; /* printable */
	size_t threads;
	uint64_t took_ns;
	const struct census_samples *samples; /* NULL: none are asked for */
};

void census_json__write(FILE *file, const struct census *census, const struct census_head *head);

#endif
