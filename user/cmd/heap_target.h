/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A live process as an image for a census: its mappings, pages and threads through /proc, its
 * memory through process_vm_readv(2). It runs on meanwhile. Its threads' registers are those of the
 * kernel's iterator over tasks (blocked/look.h), or, where there is none, what /proc has of them.
 */
#ifndef MEMTRACE_CMD_HEAP_TARGET_H
#define MEMTRACE_CMD_HEAP_TARGET_H

#include "blocked/look.h"
#include "census/image.h"
#include "process/process.h"
#include "process/smaps.h"
#include "process/threads.h"

struct heap_target {
	struct process_info process;
	struct smaps smaps;
	struct threads threads;
	struct census_range *ranges;
	struct census_thread *census_threads;
	int pagemap;
	struct looker *looker;	   /* NULL: none */
	struct census_image image; /* of all of that; moves with the target: used in place */
};

/* Opens process @pid and reads its mappings and threads. 0 or a negative errno with @error set. */
int heap_target__open(pid_t pid, struct heap_target *target, struct error *error);

void heap_target__close(struct heap_target *target);

/* Mappings as a census knows them, whose names are those of @smaps; the caller frees it. NULL: no
 * memory.
 */
struct census_range *heap_target__ranges(const struct smaps *smaps);

/* Fills in @states as struct census_memory has it, from a pagemap. 0 or -ESRCH. */
int heap_target__pages(int pagemap, uint64_t address, size_t count, uint8_t *states);

#endif
