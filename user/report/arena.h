/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Memory of a report: many small pieces that are freed all at once. */
#ifndef MEMTRACE_REPORT_ARENA_H
#define MEMTRACE_REPORT_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first */
};

/* Zeroed memory for @count elements of @size bytes, 16-byte aligned. NULL: no memory. */
void *arena__alloc(struct arena *arena, size_t count, size_t size);

/* A copy of @text; NULL for NULL or without memory. */
char *arena__copy(struct arena *arena, const char *text);

void arena__free(struct arena *arena);

#endif
