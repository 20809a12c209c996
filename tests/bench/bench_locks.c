/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What the watch costs: the same loops with its programs attached and without, in turns; the least
 * time of each counts, as noise only adds.
 *
 *	uncontended	pthread_mutex_lock and unlock by one thread: no system call
 *	ping-pong	two threads that hand a futex to and fro, sleeping each time
 *	getpid		a system call that the watch has no program on
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "blocked/watcher.h"

#define ROUNDS 10
/* Short runs, many of them: the least is then one that nothing disturbed. */
#define RUNS 10
#define LOCK_LOOPS 200000
#define PING_LOOPS 1000
#define CALL_LOOPS 20000

static double now_ns(void)
{
	struct timespec now;

	/* CPU time of all threads: what else runs on the machine does not count. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static double run_uncontended(void)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	double begin = now_ns();

	for (int i = 0; i < LOCK_LOOPS; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
	return (now_ns() - begin) / LOCK_LOOPS;
}

static void wait_for(int *word, int value)
{
	int seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != value)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void hand_over(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *answer(void *arg)
{
	for (int i = 0; i < PING_LOOPS; i++) {
		wait_for(arg, 2 * i + 1);
		hand_over(arg, 2 * i + 2);
	}
	return NULL;
}

/* On one CPU, so that each hand-over is a wait in the kernel and not a race. */
static double run_ping_pong(void)
{
	pthread_t thread;
	int word = 0;
	double begin;

	pthread_create(&thread, NULL, answer, &word);
	begin = now_ns();
	for (int i = 0; i < PING_LOOPS; i++) {
		hand_over(&word, 2 * i + 1);
		wait_for(&word, 2 * i + 2);
	}
	pthread_join(thread, NULL);
	return (now_ns() - begin) / PING_LOOPS;
}

static double run_getpid(void)
{
	double begin = now_ns();

	for (int i = 0; i < CALL_LOOPS; i++)
		syscall(SYS_getpid);
	return (now_ns() - begin) / CALL_LOOPS;
}

static void ignore_end(void *context, const struct event_wait *wait)
{
}

static const struct {
	const char *name;
	double (*run)(void);
	double bound; /* times; what the watch may make of it */
} loops[] = {
	{"uncontended lock + unlock", run_uncontended, 1.03},
	{"futex ping-pong", run_ping_pong, 1.5},
	{"getpid", run_getpid, 1.15},
};

#define LOOPS (sizeof(loops) / sizeof(*loops))

static void take_least(double *least)
{
	for (size_t i = 0; i < LOOPS * RUNS; i++) {
		double ns = loops[i / RUNS].run();

		if (!least[i / RUNS] || ns < least[i / RUNS])
			least[i / RUNS] = ns;
	}
}

int main(void)
{
	double off[LOOPS] = {0}, on[LOOPS] = {0};
	int status = 0;

	stay_on_one_cpu();
	/* A process that has never had a second thread locks without atomic instructions. */
	run_ping_pong();
	for (int round = 0; round < ROUNDS; round++) {
		struct watcher *watcher;
		struct error err = {0};

		take_least(off);
		if (watcher__new(1000000000, 0, ignore_end, NULL, &watcher, &err)) {
			fprintf(stderr, "bench_locks: %s\n", err.message);
			return 1;
		}
		take_least(on);
		watcher__free(watcher);
	}
	printf("watch%32s%12s%8s%10s\n", "off", "on", "ratio", "bound");
	for (size_t i = 0; i < LOOPS; i++) {
		printf("  %-26s%6.0f ns%9.0f ns%8.3f%10.2f\n", loops[i].name, off[i], on[i],
			on[i] / off[i], loops[i].bound);
		status |= on[i] / off[i] > loops[i].bound;
	}
	return status;
}
