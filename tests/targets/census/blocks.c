/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A heap whose blocks the program knows by number and usable size: threads that allocate in every
 * way and size, reallocate, free their own and others' blocks, and then stand still, or, with
 * "run", go on until they are ended.
 *
 *	blocks THREADS OPERATIONS SEED [run]
 *
 * Half of the threads have ended when the heap stands still. With GATE it waits as the heap targets
 * do (../README.md); the truth is a line {"live_count", "live_bytes"} in $TRUTH.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../heap/truth.h"

#define MAX_THREADS 64
#define SLOTS 4096
/* Every so many operations a thread takes a block of the next thread's. */
#define SWAP_EVERY 16

static void *slots[MAX_THREADS][SLOTS];
static pthread_barrier_t worked, finished;
static int thread_count;
static long operations;
static uint64_t seed;
static volatile bool run;

/* Of every class: caches' sizes mostly, bins', and now and then a mapping. */
static size_t any_size(uint64_t *random)
{
	uint64_t n = next_random(random);

	switch (n % 32) {
	case 0:
		return n / 32 % (256 << 10);
	case 1:
	case 2:
		return n / 32 % (16 << 10);
	case 3:
		return 0;
	}
	return n / 32 % 1200;
}

static void *allocate(uint64_t *random)
{
	uint64_t n = next_random(random);
	void *block = NULL;

	switch (n % 16) {
	case 0:
		return calloc(1, any_size(random));
	case 1:
		return memalign(16u << (n / 16 % 10), any_size(random));
	case 2:
		return posix_memalign(&block, 64, any_size(random)) ? NULL : block;
	case 3:
		if (n / 16 % 64 == 0)
			return memalign(64 << 10, (1 << 20) + any_size(random));
		if (n / 16 % 64 == 1)
			return memalign(4096, (1 << 20) + any_size(random));
		if (n / 16 % 64 == 2)
			return malloc((2 << 20) + any_size(random));
	}
	return malloc(any_size(random));
}

static void exchange(void **slot, void *block)
{
	free(__atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL));
}

static void work_once(int me, uint64_t *random, bool cross)
{
	void **slot = &slots[me][next_random(random) % SLOTS];
	uint64_t n = next_random(random);

	if (cross && n % SWAP_EVERY == 0) {
		exchange(&slots[(me + 1) % thread_count][n / 64 % SLOTS], NULL);
		return;
	}
	if (n % 4 == 1) {
		void *old = __atomic_exchange_n(slot, NULL, __ATOMIC_ACQ_REL);

		exchange(slot, realloc(old, 1 + any_size(random)));
		return;
	}
	exchange(slot, n % 4 == 2 ? NULL : allocate(random));
}

static void *work(void *argument)
{
	int me = (intptr_t)argument;
	uint64_t random = seed + 0x9e3779b97f4a7c15ull * (me + 1);

	for (long i = 0; run || i < operations; i++)
		work_once(me, &random, thread_count > 1);
	if (thread_count > 1 && me % 2)
		return NULL;
	pthread_barrier_wait(&worked);
	pthread_barrier_wait(&finished);
	return NULL;
}

static void write_truth(void)
{
	const char *path = getenv("TRUTH");
	uint64_t count = 0, bytes = 0;
	char line[128];
	int fd, length;

	for (int t = 0; t < thread_count; t++) {
		for (int i = 0; i < SLOTS; i++) {
			count += slots[t][i] != NULL;
			bytes += malloc_usable_size(slots[t][i]);
		}
	}
	length = snprintf(line, sizeof(line), "{\"live_count\":%llu,\"live_bytes\":%llu}\n",
		(unsigned long long)count, (unsigned long long)bytes);
	fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : STDOUT_FILENO;
	if (fd < 0 || write(fd, line, length) != length)
		_exit(4);
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];
	int staying;

	if (argc < 4 || (thread_count = atoi(argv[1])) < 1 || thread_count > MAX_THREADS)
		return 2;
	operations = atol(argv[2]);
	seed = strtoull(argv[3], NULL, 0);
	run = argc > 4 && strcmp(argv[4], "run") == 0;
	staying = (thread_count + 1) / 2;
	pthread_barrier_init(&worked, NULL, staying + 1);
	pthread_barrier_init(&finished, NULL, staying + 1);
	for (intptr_t i = 0; i < thread_count; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			return 3;
	for (int i = 1; thread_count > 1 && i < thread_count; i += 2)
		pthread_join(threads[i], NULL);
	pthread_barrier_wait(&worked);
	write_truth();
	if (getenv("GATE")) {
		truth__signal("ready");
		truth__await("finish");
	}
	return 0;
}
