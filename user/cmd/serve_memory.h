/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * memtrace serve: how --memory-limit, which is about the resident memory of the process, is shared
 * out; and the look at what is resident.
 */
#ifndef MEMTRACE_CMD_SERVE_MEMORY_H
#define MEMTRACE_CMD_SERVE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct serve_memory {
	uint64_t limit;
	uint64_t ring_bytes;	     /* of records, a power of two */
	uint64_t control_ring_bytes; /* the same */
	uint64_t model_bytes;	     /* of the heap's model */
	uint64_t waits_bytes;	     /* of the waits' */
	size_t answer_bytes;	     /* that clients have not taken yet */
	size_t export_bytes;	     /* messages that a collector has not taken yet */
	size_t report_sites;	     /* call sites that a page or a JSON lists */
	bool was_full;		     /* which has been said */
};

/* @limit bytes, SERVE_LEAST_MEMORY or more, shared out. */
struct serve_memory serve_memory__share(uint64_t limit);

/*
 * Makes the C library keep little of what is freed: few arenas, and large blocks in mappings of
 * their own. Before the first thread is made.
 */
void serve_memory__bound_allocator(void);

/* Gives back what was freed, as after loading programs, whose types and code took much. */
void serve_memory__give_back(void);

/* Of this process, in bytes; 0: not known. */
uint64_t serve_memory__resident(void);

enum serve_memory_state {
	SERVE_MEMORY_FREE = 0,
	SERVE_MEMORY_FULL, /* nearly all of the limit is resident */
};

/* How it is now: what was freed is given back first, if there is need. */
enum serve_memory_state serve_memory__look(const struct serve_memory *memory);

#endif
