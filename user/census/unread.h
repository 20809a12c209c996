/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Allocators whose bookkeeping is not read: recognized by the files that a process has mapped, so
 * that nobody takes the C library's few blocks for all of its heap.
 */
#ifndef MEMTRACE_CENSUS_UNREAD_H
#define MEMTRACE_CENSUS_UNREAD_H

#include "census/image.h"

/*
 * The name of such an allocator ("jemalloc"), NULL: none is mapped but the one that was read, whose
 * name is @read. One that is linked into the
 * program itself has no file of its own and is not found.
 */
const char *unread__allocator(const struct census_image *image, const char *read);

#endif
