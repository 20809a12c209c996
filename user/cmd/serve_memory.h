/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* memtrace serve: how --memory-limit is shared out. */
#ifndef MEMTRACE_CMD_SERVE_MEMORY_H
#define MEMTRACE_CMD_SERVE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Of the ring of records, a power of two. */
uint64_t serve_memory__ring_size(uint64_t limit);

/* Call sites with their frames; later ones are added up as one. */
size_t serve_memory__max_sites(uint64_t limit);

/* Answers that clients have not taken yet. */
size_t serve_memory__answer_bytes(uint64_t limit);

#endif
