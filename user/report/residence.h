/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What is in memory beside the live heap: RSS, and how much of it an allocator keeps though the
 * program has freed it. The latter is an estimate: what allocators have mapped and the process has
 * touched, less the live blocks; their headers and rounding are in it.
 */
#ifndef MEMTRACE_REPORT_RESIDENCE_H
#define MEMTRACE_REPORT_RESIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "report/model.h"

/*
 * Bytes that allocators keep, about; 0 where this is not known: @is_whole is whether the processes
 * were traced from their start, without which neither all blocks nor all mappings are known.
 */
uint64_t residence__kept_bytes(const struct heap_residence *residence, bool is_whole);

/*
 * "604 MiB at exit, peak 610 MiB: 9.00 MiB live, about ..." into @out; "" where nothing is known.
 * @live is the word for what blocks are.
 */
void residence__describe(const struct heap_residence *residence, bool is_whole, bool has_exited,
	const char *live, char *out, size_t size);

#endif
