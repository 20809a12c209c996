/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* storm THREADS OPERATIONS SEED: threads that allocate, resize and free at random. */
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include "truth.h"

#define SLOTS 512
#define MAX_THREADS 64
/* Blocks from before the gate, which are freed behind it. */
#define OLD_BLOCKS 37

struct worker {
	struct truth truth;
	struct block slots[SLOTS];
	uint64_t random;
	long operations;
	pthread_t thread;
};

static struct worker workers[MAX_THREADS];
static pthread_barrier_t prepared, opened, finished;

static size_t random_size(uint64_t r)
{
	/* Mostly small, some large enough that allocators take them from mmap. */
	return r % 64 == 0 ? 1 + r / 64 % 400000 : 1 + r / 64 % 2000;
}

static void step(struct worker *w)
{
	uint64_t r = next_random(&w->random);
	struct block *b = &w->slots[r % SLOTS];
	size_t size = random_size(r >> 16);

	if (b->address && r >> 9 & 3) {
		do_free(&w->truth, b);
		return;
	}
	if (b->address) {
		do_realloc(&w->truth, b, size);
		return;
	}
	switch (r >> 11 & 7) {
	case 0:
		do_calloc(&w->truth, b, 1 + size / 16, 16);
		break;
	case 1:
		truth__alloc(&w->truth, b, opaque(memalign(64, size)), size);
		break;
	case 2:
		do_realloc(&w->truth, b, size);
		break;
	default:
		do_malloc(&w->truth, b, size);
	}
}

static void allocate_old(struct worker *w)
{
	for (int i = 0; i < OLD_BLOCKS; i++)
		do_malloc(&w->truth, &w->slots[i], 100 + i);
}

static void storm(struct worker *w)
{
	for (int i = 0; i < OLD_BLOCKS; i++)
		do_free(&w->truth, &w->slots[i]);
	for (long i = 0; i < w->operations; i++)
		step(w);
}

static void *run_worker(void *arg)
{
	allocate_old(arg);
	pthread_barrier_wait(&prepared);
	pthread_barrier_wait(&opened);
	storm(arg);
	pthread_barrier_wait(&finished);
	/* A thread's end frees its cache inside the allocator: not before the truth is told. */
	for (;;)
		pause();
	return NULL;
}

/* No threads but this one: then a launched run has no call but the program's own. */
static void run_alone(struct worker *w)
{
	allocate_old(w);
	truth__open();
	storm(w);
	truth__close(&w->truth, true);
}

static int run_threads(int threads)
{
	struct truth sum = {};

	pthread_barrier_init(&prepared, NULL, threads + 1);
	pthread_barrier_init(&opened, NULL, threads + 1);
	pthread_barrier_init(&finished, NULL, threads + 1);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]))
			return 1;
	pthread_barrier_wait(&prepared);
	truth__open();
	pthread_barrier_wait(&opened);
	pthread_barrier_wait(&finished);
	for (int i = 0; i < threads; i++)
		truth__add(&sum, &workers[i].truth);
	truth__close(&sum, false);
	return 0;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	long operations = argc > 2 ? atol(argv[2]) : 10000;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	int status = 0;

	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	for (int i = 0; i < threads; i++) {
		workers[i].operations = operations;
		workers[i].random = seed * 0x9e3779b97f4a7c15 + i + 1;
		workers[i].truth.thread = i;
	}
	if (threads == 1)
		run_alone(&workers[0]);
	else
		status = run_threads(threads);
	_exit(status);
}
