/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Three threads in a cycle, whose functions are called almost like those that every thread begins
 * with, and take their locks through inlined ones: roots SCENARIO TRUTH-FILE.
 */
#include <pthread.h>
#include <unistd.h>

#include "truth.h"

#define INLINED static inline __attribute__((always_inline))

pthread_mutex_t refs_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_barrier_t all_hold, all_known;
static pid_t tids[3];

INLINED void take(pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock); /* line of take */
}

INLINED void hold(int number, pthread_mutex_t *lock)
{
	take(lock);
	tids[number] = truth__tid();
	pthread_barrier_wait(&all_hold);
}

INLINED void close_ring(int number, const char *name, pthread_mutex_t *lock)
{
	truth__wait(name, lock, tids[(number + 1) % 3], true);
	pthread_barrier_wait(&all_known);
	take(lock); /* line of close_ring */
}

void *clone_repository(void *arg)
{
	hold(0, &refs_lock);
	close_ring(0, "pool_lock", &pool_lock);
	return arg;
}

void *start_thread_pool(void *arg)
{
	hold(1, &pool_lock);
	close_ring(1, "engine_lock", &engine_lock);
	return arg;
}

void *_start_engine(void *arg)
{
	hold(2, &engine_lock);
	close_ring(2, "refs_lock", &refs_lock);
	return arg;
}

static pthread_t start_ring(void)
{
	void *(*const functions[])(void *) = {clone_repository, start_thread_pool, _start_engine};
	pthread_t threads[3];

	pthread_barrier_init(&all_hold, NULL, 3);
	pthread_barrier_init(&all_known, NULL, 3);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, functions[i], NULL);
	truth__settle();
	return threads[0];
}

static void roots(void)
{
	pthread_t first = start_ring();

	truth__wait("thread", NULL, tids[0], false);
	truth__verdict("DEADLOCK");
	pthread_join(first, NULL);
}

/* The process goes on without its first thread, by which /proc shows its memory. */
static void leaderless(void)
{
	start_ring();
	truth__verdict("DEADLOCK");
	pthread_exit(NULL);
}

int main(int argc, char **argv)
{
	const struct scenario scenarios[] = {{"roots", roots}, {"leaderless", leaderless}};

	return truth__main(argc, argv, scenarios, 2);
}
