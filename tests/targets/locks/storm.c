/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Locks taken hard but in a right order, so that waits are many and no deadlock is possible:
 * storm THREADS SECONDS. Prints the number of locks taken.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOCKS 4

static pthread_mutex_t locks[LOCKS];
static int stop;

static void *take_in_order(void *seed)
{
	unsigned random = (unsigned)(uintptr_t)seed;
	uintptr_t taken = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int first = rand_r(&random) % LOCKS, second = rand_r(&random) % LOCKS;

		if (first > second) {
			int swap = first;

			first = second;
			second = swap;
		}
		pthread_mutex_lock(&locks[first]);
		if (second != first) {
			pthread_mutex_lock(&locks[second]);
			pthread_mutex_unlock(&locks[second]);
		}
		pthread_mutex_unlock(&locks[first]);
		taken++;
	}
	return (void *)taken;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 4;
	int seconds = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t threads[count];
	uintptr_t total = 0;
	void *taken;

	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, take_in_order, (void *)(uintptr_t)(i + 1));
	sleep(seconds);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], &taken);
		total += (uintptr_t)taken;
	}
	printf("%lu\n", (unsigned long)total);
	return 0;
}
