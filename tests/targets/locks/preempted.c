/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A holder that is busy: both threads share one CPU, so that the one that waits has preempted the
 * other wherever that was, in the middle of functions as they begin and end. Whatever it runs, it
 * is below hold_busily.
 *
 *	preempted WAITS: waits for SIGUSR1, then begins; ends when the lock was found taken so often
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

pthread_mutex_t desk_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool ends;
static volatile unsigned int sink;

/* Calls, pushes and pops for the most part. */
__attribute__((noinline)) static unsigned int mix_up(
	unsigned int a, unsigned int b, unsigned int depth)
{
	unsigned int c = a * 31 + b;

	if (depth)
		c ^= mix_up(b, c, depth - 1);
	sink = c;
	return c + a + b;
}

__attribute__((noinline)) static void hold_busily(void)
{
	pthread_mutex_lock(&desk_lock);
	for (unsigned int i = 0; i < 20000; i++)
		sink += mix_up(i, sink, 5);
	pthread_mutex_unlock(&desk_lock);
}

static void *run_holder(void *unused)
{
	while (!atomic_load(&ends)) {
		hold_busily();
		sched_yield();
	}
	return unused;
}

static volatile sig_atomic_t may_begin;

static void begin(int signal)
{
	may_begin = signal;
}

static void sleep_us(long us)
{
	struct timespec time = {.tv_nsec = us * 1000};

	nanosleep(&time, NULL);
}

int main(int argc, char **argv)
{
	pthread_t holder;
	cpu_set_t all, one;

	if (argc < 2)
		return 2;
	signal(SIGUSR1, begin);
	while (!may_begin)
		sleep_us(1000);
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	pthread_create(&holder, NULL, run_holder, NULL);
	for (int waits = 0; waits < atoi(argv[1]);) {
		if (pthread_mutex_trylock(&desk_lock)) {
			waits++;
			pthread_mutex_lock(&desk_lock);
		}
		pthread_mutex_unlock(&desk_lock);
		sleep_us(100);
	}
	atomic_store(&ends, true);
	pthread_join(holder, NULL);
	printf("done\n");
	return 0;
}
