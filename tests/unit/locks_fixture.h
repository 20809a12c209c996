/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Synthetic snapshots: threads, stacks and memory made by hand, for the tests of locks/. */
#ifndef TESTS_LOCKS_FIXTURE_H
#define TESTS_LOCKS_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "locks/findings.h"

#define MAX_REGIONS 64
#define LOCK_A 0x601000
#define LOCK_B 0x602000
#define LOCK_C 0x603000
/* FUTEX_WAIT | FUTEX_PRIVATE_FLAG, FUTEX_WAIT, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG */
#define WAIT_PRIVATE 0x80
#define WAIT_SHARED 0
#define LOCK_PI_PRIVATE 0x86

struct region {
	pid_t pid; /* 0: the same in every process */
	uint64_t address;
	size_t size;
	uint8_t bytes[256];
};

struct world {
	struct region regions[MAX_REGIONS];
	size_t region_count;
	uint64_t shared_start; /* memory that all processes share */
	uint64_t shared_end;
	struct snapshot snapshot;
	struct lock_memory memory;
	struct lock_findings findings;
};

static int read_region(void *context, pid_t pid, uint64_t address, void *data, size_t size)
{
	struct world *world = context;

	for (size_t i = 0; i < world->region_count; i++) {
		const struct region *region = &world->regions[i];

		if ((region->pid && region->pid != pid) || address < region->address ||
			address + size > region->address + region->size)
			continue;
		memcpy(data, region->bytes + (address - region->address), size);
		return 0;
	}
	return -EFAULT;
}

static bool is_shared(void *context, pid_t pid, uint64_t address, struct lock_key *key)
{
	struct world *world = context;

	if (address < world->shared_start || address >= world->shared_end)
		return false;
	*key = (struct lock_key){.space = 1, .inode = 42, .offset = address};
	return true;
}

__attribute__((unused)) static struct world *new_world(size_t threads, size_t processes)
{
	struct world *world = calloc(1, sizeof(*world));

	world->snapshot.threads = calloc(threads, sizeof(struct lock_thread));
	world->snapshot.processes = calloc(processes, sizeof(struct lock_process));
	world->snapshot.complete = true;
	world->memory = (struct lock_memory){
		.context = world, .read = read_region, .shared_key = is_shared};
	return world;
}

__attribute__((unused)) static void free_world(struct world *world)
{
	findings__free(&world->findings);
	free(world->snapshot.threads);
	free(world->snapshot.processes);
	free(world);
}

__attribute__((unused)) static void add_process(struct world *world, pid_t pid, enum lock_libc libc)
{
	world->snapshot.processes[world->snapshot.process_count++] =
		(struct lock_process){.pid = pid, .libc = libc, .libc_minor = 36};
}

/* A thread that runs; its TID is the same in its namespace. */
__attribute__((unused)) static struct lock_thread *add_thread(
	struct world *world, pid_t pid, pid_t tid)
{
	struct lock_thread *thread = &world->snapshot.threads[world->snapshot.thread_count++];

	*thread = (struct lock_thread){
		.pid = pid,
		.tid = tid,
		.ns_pid = pid,
		.ns_tid = tid,
		.pid_namespace = 1,
		.state = 'R',
		.start_ns = 1000 + tid,
		.switches = 7,
		.asleep_ns = LOCK_AGE_UNKNOWN,
		.syscall = -1,
	};
	return thread;
}

/* Makes it sleep in futex(@uaddr, @op, @expected). */
__attribute__((unused)) static void block(
	struct lock_thread *thread, uint64_t uaddr, uint64_t op, uint32_t expected)
{
	thread->state = 'S';
	thread->syscall = SYS_futex;
	thread->args[0] = uaddr;
	thread->args[1] = op;
	thread->args[2] = expected;
}

/* The same frames may serve many threads. */
__attribute__((unused)) static void set_stack(
	struct lock_thread *thread, struct lock_frame *frames, size_t count)
{
	thread->frames = frames;
	thread->frame_count = count;
}

__attribute__((unused)) static uint8_t *add_region(
	struct world *world, pid_t pid, uint64_t address, size_t size)
{
	struct region *region = &world->regions[world->region_count++];

	*region = (struct region){.pid = pid, .address = address, .size = size};
	return region->bytes;
}

/* A glibc mutex: word, owner, kind. */
__attribute__((unused)) static void add_mutex(struct world *world, pid_t pid, uint64_t address,
	uint32_t word, uint32_t owner, uint32_t kind)
{
	uint32_t *words = (uint32_t *)add_region(world, pid, address, 40);

	words[0] = word;
	words[2] = owner;
	words[3] = 1;
	words[4] = kind;
}

__attribute__((unused)) static void judge(struct world *world)
{
	snapshot__sort(&world->snapshot);
	assert_int_equal(findings__judge(&world->snapshot, &world->memory, &world->findings), 0);
}

/* The wait of the thread with that TID. */
__attribute__((unused)) static struct lock_wait *wait_of(struct world *world, pid_t tid)
{
	for (size_t i = 0; i < world->findings.waits.size; i++)
		if (world->findings.waits.data[i].thread->tid == tid)
			return &world->findings.waits.data[i];
	return NULL;
}

__attribute__((unused)) static enum verdict verdict_of(struct world *world, pid_t tid)
{
	return findings__verdict(
		&world->findings, wait_of(world, tid) - world->findings.waits.data);
}

/* pthread_mutex_lock called from an application's function. */
__attribute__((unused)) static struct lock_frame mutex_stack[] = {
	{.pc = 0x1010, .slot = 0x7000, .function = "__lll_lock_wait", .module = "libc.so.6"},
	{.pc = 0x1110, .slot = 0x7010, .function = "pthread_mutex_lock", .module = "libc.so.6"},
	{.pc = 0x401010,
		.slot = 0x7020,
		.function = "work",
		.called = "pthread_mutex_lock@plt",
		.module = "app"},
	{.pc = 0x401110, .slot = 0x7040, .function = "main", .called = "work", .module = "app"},
};
#define MUTEX_FRAMES 4

/* Two threads of process 100 that each hold what the other wants. */
__attribute__((unused)) static struct world *new_abba(void)
{
	struct world *world = new_world(8, 2);

	add_process(world, 100, LIBC_GLIBC);
	block(add_thread(world, 100, 101), LOCK_B, WAIT_PRIVATE, 2);
	block(add_thread(world, 100, 102), LOCK_A, WAIT_PRIVATE, 2);
	set_stack(&world->snapshot.threads[0], mutex_stack, MUTEX_FRAMES);
	set_stack(&world->snapshot.threads[1], mutex_stack, MUTEX_FRAMES);
	add_mutex(world, 100, LOCK_A, 2, 101, 0);
	add_mutex(world, 100, LOCK_B, 2, 102, 0);
	return world;
}

#endif
