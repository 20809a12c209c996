/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/heap_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "process/memory.h"

/* glibc's struct pthread on x86-64 and arm64: where its robust list's head lies. */
#define PTHREAD_ROBUST_HEAD 0x2e0
/* Entries of pagemap that are read at a time. */
#define PAGEMAP_BATCH 512
/* What a heap that is in motion gets to come to rest. */
#define PAUSE_MS 5

static long read_memory(void *context, uint64_t address, void *to, size_t size)
{
	const struct heap_target *target = context;

	return memory__read(target->process.pid, address, to, size);
}

static int read_pages(void *context, uint64_t address, size_t count, uint8_t *states)
{
	const struct heap_target *target = context;
	uint64_t entries[PAGEMAP_BATCH];

	for (size_t done = 0; done < count;) {
		size_t part = count - done < PAGEMAP_BATCH ? count - done : PAGEMAP_BATCH;
		int rc =
			pagemap__read(target->pagemap, address + done * CENSUS_PAGE, part, entries);

		if (rc)
			return rc;
		for (size_t i = 0; i < part; i++)
			states[done + i] = entries[i] & PAGEMAP_PRESENT	  ? PAGE_PRESENT
					   : entries[i] & PAGEMAP_SWAPPED ? PAGE_SWAPPED
									  : PAGE_ABSENT;
		done += part;
	}
	return 0;
}

static void pause_some(void *context)
{
	struct timespec time = {.tv_nsec = PAUSE_MS * 1000000};

	nanosleep(&time, NULL);
}

/* --- mappings */

static enum range_kind kind_of(const struct mapping *m, const struct mapping_memory *memory)
{
	if (memory->is_device)
		return RANGE_SPECIAL;
	if (m->shared)
		return RANGE_SHARED;
	if (strcmp(m->path, "[heap]") == 0)
		return RANGE_BRK;
	if (strcmp(m->path, "[stack]") == 0)
		return RANGE_STACK;
	if (m->inode)
		return RANGE_FILE;
	if (m->path[0] == '[' && strncmp(m->path, "[anon", 5) != 0 &&
		strncmp(m->path, "[stack:", 7) != 0)
		return RANGE_SPECIAL;
	return RANGE_ANONYMOUS;
}

static struct census_range *make_ranges(const struct smaps *smaps)
{
	struct census_range *ranges = calloc(smaps->maps.size + 1, sizeof(*ranges));

	for (size_t i = 0; ranges && i < smaps->maps.size; i++) {
		const struct mapping *m = &smaps->maps.data[i];

		ranges[i] = (struct census_range){
			.start = m->start,
			.end = m->end,
			.file_offset = m->offset,
			.resident = smaps->memory[i].resident,
			.swapped = smaps->memory[i].swapped,
			.kind = kind_of(m, &smaps->memory[i]),
			.prot = m->prot,
			.is_writable = (m->prot & PROT_READ) && (m->prot & PROT_WRITE),
			.name = m->path,
		};
	}
	return ranges;
}

/* --- threads */

/*
 * The thread pointer by way of the robust list that the C library registers for each thread, which
 * lies in its struct pthread; 0 where that struct is not there (another C library).
 */
static uint64_t find_thread_pointer(pid_t pid, pid_t tid)
{
	uint64_t words[3], pointer;
	void *head = NULL;
	size_t size;

	if (syscall(SYS_get_robust_list, tid, &head, &size) || !head)
		return 0;
	pointer = (uintptr_t)head - PTHREAD_ROBUST_HEAD;
	/* tcbhead_t: itself at its beginning, and again as `self`. */
	if (memory__read_all(pid, pointer, words, sizeof(words)) || words[0] != pointer ||
		words[2] != pointer)
		return 0;
	return pointer;
}

/* proc_pid_syscall(5): known only of a thread that waits. */
static void read_registers(pid_t pid, struct census_thread *thread)
{
	unsigned long long args[6], sp, pc;
	char path[64], *text;
	long long number;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, thread->tid);
	if (file__read(path, 4096, &text, &size))
		return;
	if (sscanf(text, "%lld %llx %llx %llx %llx %llx %llx %llx %llx", &number, &args[0],
		    &args[1], &args[2], &args[3], &args[4], &args[5], &sp, &pc) == 9) {
		thread->stack_pointer = sp;
		for (size_t i = 0; i < 6; i++)
			thread->registers[thread->register_count++] = args[i];
	}
	free(text);
}

static struct census_thread *make_threads(pid_t pid, const struct threads *threads)
{
	struct census_thread *made = calloc(threads->size + 1, sizeof(*made));

	for (size_t i = 0; made && i < threads->size; i++) {
		made[i].tid = threads->data[i].tid;
		made[i].thread_pointer = find_thread_pointer(pid, made[i].tid);
		read_registers(pid, &made[i]);
	}
	return made;
}

/* --- the whole */

static void use(struct heap_target *target)
{
	target->image = (struct census_image){
		.memory = {target, read_memory, read_pages, pause_some},
		.ranges = target->ranges,
		.range_count = target->smaps.maps.size,
		.threads = target->census_threads,
		.thread_count = target->threads.size,
	};
}

static void drop_parts(struct heap_target *target)
{
	smaps__free(&target->smaps);
	threads__free(&target->threads);
	free(target->ranges);
	free(target->census_threads);
	target->ranges = NULL;
	target->census_threads = NULL;
}

static int read_parts(struct heap_target *target, struct error *err)
{
	pid_t pid = target->process.pid;
	int rc = threads__list(pid, &target->threads, err);

	rc = rc ? rc : smaps__read(pid, &target->smaps, err);
	if (rc)
		return rc;
	target->ranges = make_ranges(&target->smaps);
	target->census_threads = make_threads(pid, &target->threads);
	if (!target->ranges || !target->census_threads)
		return error__set(err, -ENOMEM, "out of memory for the mappings of %d", (int)pid);
	return 0;
}

int heap_target__refresh(struct heap_target *target, struct error *err)
{
	struct heap_target fresh = {.process = target->process, .pagemap = target->pagemap};
	int rc = read_parts(&fresh, err);

	if (rc) {
		drop_parts(&fresh);
		return rc;
	}
	drop_parts(target);
	*target = fresh;
	use(target);
	return 0;
}

int heap_target__open(pid_t pid, struct heap_target *target, struct error *err)
{
	int rc;

	*target = (struct heap_target){.pagemap = -1};
	rc = process__open(pid, &target->process, err);
	if (rc)
		return rc;
	target->pagemap = pagemap__open(pid, err);
	rc = target->pagemap < 0 ? target->pagemap : read_parts(target, err);
	if (rc) {
		heap_target__close(target);
		return rc;
	}
	use(target);
	return 0;
}

void heap_target__close(struct heap_target *target)
{
	drop_parts(target);
	if (target->pagemap >= 0)
		close(target->pagemap);
	process__close(&target->process);
}
