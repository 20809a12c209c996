/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * bench_mutex [DEPTH] [nested]: as bench_malloc, for the lock and unlock of a mutex that nobody
 * else wants; with `nested` while another one is held.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 25
#define ROUND_NS 12000000ULL
/* Pairs between two looks at the clock. */
#define BATCH 200

static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t measured = PTHREAD_MUTEX_INITIALIZER;

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

__attribute__((noinline)) static double measure_round(void)
{
	uint64_t start = cpu_ns(), now = start;
	unsigned long pairs = 0;

	while (now - start < ROUND_NS) {
		for (int i = 0; i < BATCH; i++) {
			pthread_mutex_lock(&measured);
			pthread_mutex_unlock(&measured);
		}
		pairs += BATCH;
		now = cpu_ns();
	}
	return (double)(now - start) / pairs;
}

__attribute__((noinline)) static double descend(int depth)
{
	double ns = depth > 0 ? descend(depth - 1) : measure_round();

	/* Not a tail call: each level is a frame. */
	__asm__ volatile("" : : : "memory");
	return ns;
}

int main(int argc, char **argv)
{
	int depth = argc > 1 ? atoi(argv[1]) : 8;
	char line[16];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[2], "nested"))
		pthread_mutex_lock(&outer);
	while (fgets(line, sizeof(line), stdin)) {
		double least = descend(depth);

		for (int i = 1; i < ROUNDS; i++) {
			double ns = descend(depth);

			least = ns < least ? ns : least;
		}
		printf("%.1f\n", least);
	}
	return 0;
}
