/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Two threads that hold one lock each and want the other's, of whatever library. */
#ifndef TARGETS_LOCKS_FOREIGN_H
#define TARGETS_LOCKS_FOREIGN_H

extern "C" {
#include "truth.h"
}

#include <pthread.h>
#include <sys/prctl.h>

static pthread_barrier_t all_hold;
static pid_t tids[2];

/* Thread @number has what it holds; it is about to wait for @lock, which the other one has. */
static void meet(int number, const char *name, const char *lock, const void *address, bool is_owned)
{
	prctl(PR_SET_NAME, name);
	tids[number] = truth__tid();
	pthread_barrier_wait(&all_hold);
	truth__wait(lock, address, is_owned ? tids[!number] : 0, is_owned);
}

/* Runs both; the first is waited for by main in its own way. */
static inline void run_both(void *(*first)(void *), void *(*second)(void *), const char *verdict)
{
	pthread_t threads[2];

	pthread_barrier_init(&all_hold, NULL, 2);
	pthread_create(&threads[0], NULL, first, NULL);
	pthread_create(&threads[1], NULL, second, NULL);
	truth__settle();
	truth__wait("thread", NULL, tids[0], false);
	truth__verdict(verdict);
	pthread_join(threads[0], NULL);
}

#endif
