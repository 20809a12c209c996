/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * crossfree OPERATIONS: two producers allocate, two consumers free what they get, through queues of
 * plain memory; each block thus is freed by another thread than the one that allocated it.
 */
#include <pthread.h>
#include <unistd.h>

#include "truth.h"

#define PAIRS 2
#define QUEUE 256

struct pair {
	struct truth producer __attribute__((aligned(128)));
	struct truth consumer __attribute__((aligned(128)));
	struct block queue[QUEUE];
	unsigned long head, tail; /* written by the producer; by the consumer */
	long operations;
};

static struct pair pairs[PAIRS];
static pthread_barrier_t opened, finished;

static void *produce(void *arg)
{
	struct pair *p = arg;
	uint64_t random = 7 + (p - pairs);

	pthread_barrier_wait(&opened);
	for (long i = 0; i < p->operations; i++) {
		while (p->head - __atomic_load_n(&p->tail, __ATOMIC_ACQUIRE) == QUEUE)
			usleep(50);
		do_malloc(&p->producer, &p->queue[p->head % QUEUE], 1 + next_random(&random) % 500);
		__atomic_store_n(&p->head, p->head + 1, __ATOMIC_RELEASE);
	}
	pthread_barrier_wait(&finished);
	for (;;)
		pause();
	return NULL;
}

static void *consume(void *arg)
{
	struct pair *p = arg;

	pthread_barrier_wait(&opened);
	/* The last few stay live. */
	for (long i = 0; i < p->operations - 10; i++) {
		while (__atomic_load_n(&p->head, __ATOMIC_ACQUIRE) == p->tail)
			usleep(50);
		do_free(&p->consumer, &p->queue[p->tail % QUEUE]);
		__atomic_store_n(&p->tail, p->tail + 1, __ATOMIC_RELEASE);
	}
	pthread_barrier_wait(&finished);
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	struct truth sum = {};
	pthread_t thread;

	pthread_barrier_init(&opened, NULL, 2 * PAIRS + 1);
	pthread_barrier_init(&finished, NULL, 2 * PAIRS + 1);
	for (int i = 0; i < PAIRS; i++) {
		pairs[i].operations = argc > 1 ? atol(argv[1]) : 10000;
		pairs[i].producer.thread = 2 * i;
		pairs[i].consumer.thread = 2 * i + 1;
		if (pthread_create(&thread, NULL, produce, &pairs[i]) ||
			pthread_create(&thread, NULL, consume, &pairs[i]))
			return 1;
	}
	truth__open();
	pthread_barrier_wait(&opened);
	pthread_barrier_wait(&finished);
	for (int i = 0; i < PAIRS; i++) {
		truth__add(&sum, &pairs[i].producer);
		truth__add(&sum, &pairs[i].consumer);
	}
	truth__close(&sum, false);
	_exit(0);
}
