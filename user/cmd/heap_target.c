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
/* The end of user space, with tables of four levels. */
#ifdef __x86_64__
#define USER_END ((1ull << 47) - CENSUS_PAGE)
#else
#define USER_END (1ull << 48)
#endif
/* What a heap that is in motion gets to come to rest. */
#define PAUSE_MS 5

static long read_memory(void *context, uint64_t address, void *to, size_t size)
{
	const struct heap_target *target = context;

	return memory__read(target->process.pid, address, to, size);
}

int heap_target__pages(int pagemap, uint64_t address, size_t count, uint8_t *states)
{
	uint64_t entries[PAGEMAP_BATCH];

	for (size_t done = 0; done < count;) {
		size_t part = count - done < PAGEMAP_BATCH ? count - done : PAGEMAP_BATCH;
		uint64_t from = address + done * CENSUS_PAGE;
		int err;

		/* A number in the target that is no address: pagemap has no entry for it. */
		if (from >= USER_END || USER_END - from < part * CENSUS_PAGE) {
			memset(states + done, PAGE_ABSENT, count - done);
			return 0;
		}
		err = pagemap__read(pagemap, from, part, entries);
		if (err)
			return err;
		for (size_t i = 0; i < part; i++)
			states[done + i] = entries[i] & PAGEMAP_PRESENT	  ? PAGE_PRESENT
					   : entries[i] & PAGEMAP_SWAPPED ? PAGE_SWAPPED
									  : PAGE_ABSENT;
		done += part;
	}
	return 0;
}

static int read_pages(void *context, uint64_t address, size_t count, uint8_t *states)
{
	const struct heap_target *target = context;

	return heap_target__pages(target->pagemap, address, count, states);
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

struct census_range *heap_target__ranges(const struct smaps *smaps)
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

/* What a thread had in its registers when it last entered the kernel; -2 is a look's "none". */
static void take_registers(struct census_thread *thread, const struct look_thread *look)
{
	uint64_t *registers = thread->registers;
	size_t count = 0;

	for (size_t i = 0; i < 6; i++)
		registers[count++] = look->args[i];
	for (size_t i = 0; i < LOOK_SAVED_REGISTERS; i++)
		registers[count++] = look->saved[i];
	registers[count++] = look->result;
	registers[count++] = look->sp;
	thread->register_count = count;
	/* One that runs, or may at any moment, has another stack pointer by now. */
	if (!(look->flags & LOOK_ON_CPU) && look_thread__state(look) != 'R')
		thread->stack_pointer = look->sp;
}

static void read_registers(struct heap_target *target, struct census_thread *made)
{
	struct error none = {0};
	struct look look;

	if (!target->looker || looker__look(target->looker, &target->process.pid, 1, &look, &none))
		return;
	for (size_t i = 0; i < look.count; i++) {
		const struct look_thread *thread = &look.threads[i];

		if ((pid_t)thread->pid != target->process.pid)
			continue;
		for (size_t j = 0; j < target->threads.size; j++)
			if (made[j].tid == (pid_t)thread->tid)
				take_registers(&made[j], thread);
	}
	look__free(&look);
}

static struct census_thread *make_threads(struct heap_target *target)
{
	const struct threads *threads = &target->threads;
	struct census_thread *made = calloc(threads->size + 1, sizeof(*made));

	for (size_t i = 0; made && i < threads->size; i++) {
		made[i].tid = threads->data[i].tid;
		made[i].thread_pointer = find_thread_pointer(target->process.pid, made[i].tid);
	}
	if (made)
		read_registers(target, made);
	return made;
}

/* --- the whole */

static void drop_parts(struct heap_target *target)
{
	smaps__free(&target->smaps);
	threads__free(&target->threads);
	free(target->ranges);
	free(target->census_threads);
	target->ranges = NULL;
	target->census_threads = NULL;
}

static int read_parts(struct heap_target *target, struct error *error)
{
	pid_t pid = target->process.pid;
	int err = threads__list(pid, &target->threads, error);

	err = err ? err : smaps__read(pid, &target->smaps, error);
	if (err)
		return err;
	target->ranges = heap_target__ranges(&target->smaps);
	target->census_threads = make_threads(target);
	if (!target->ranges || !target->census_threads)
		return error__set(error, -ENOMEM, "out of memory for the mappings of %d", (int)pid);
	return 0;
}

static void use(struct heap_target *target);

/* Mappings and threads as they are now. */
static int refresh(void *context)
{
	struct heap_target *target = context, fresh = {.process = target->process,
						      .pagemap = target->pagemap,
						      .looker = target->looker};
	struct error none = {0};
	int err = read_parts(&fresh, &none);

	if (err) {
		drop_parts(&fresh);
		return err;
	}
	drop_parts(target);
	*target = fresh;
	use(target);
	return 0;
}

static void use(struct heap_target *target)
{
	target->image = (struct census_image){
		.memory = {target, read_memory, read_pages, pause_some, refresh},
		.ranges = target->ranges,
		.range_count = target->smaps.maps.size,
		.threads = target->census_threads,
		.thread_count = target->threads.size,
	};
}

int heap_target__open(pid_t pid, struct heap_target *target, struct error *error)
{
	int err;

	*target = (struct heap_target){.pagemap = -1};
	err = process__open(pid, &target->process, error);
	if (err)
		return err;
	/* Without it blocks that only registers point to look lost; the rest can do without. */
	if (looker__new(false, &target->looker, error))
		target->looker = NULL;
	target->pagemap = pagemap__open(pid, error);
	err = target->pagemap < 0 ? target->pagemap : read_parts(target, error);
	if (err) {
		heap_target__close(target);
		return err;
	}
	use(target);
	return 0;
}

void heap_target__close(struct heap_target *target)
{
	drop_parts(target);
	if (target->pagemap >= 0)
		close(target->pagemap);
	looker__free(target->looker);
	process__close(&target->process);
}
