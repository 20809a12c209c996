/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * phases: what a picture over time must show. early() allocates in the first half of the run,
 * late() in the second; fleeting() frees at once, exactly 1,000 times; another thread keeps a few.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "truth.h"

#define STEPS 100
#define STEP_US 8000

static void *kept[4 * STEPS];

__attribute__((noinline)) static void early(int i)
{
	kept[i] = opaque(malloc(4000));
}

__attribute__((noinline)) static void late(int i)
{
	kept[i] = opaque(malloc(3000));
}

__attribute__((noinline)) static void fleeting(void)
{
	for (int i = 0; i < 5; i++)
		free(opaque(malloc(100)));
}

static void *keep_few(void *unused)
{
	for (int i = 0; i < STEPS; i++)
		kept[2 * STEPS + i] = opaque(malloc(500));
	return NULL;
}

static void run_phase(void (*allocate)(int), int first)
{
	for (int i = 0; i < STEPS; i++) {
		allocate(first + i);
		fleeting();
		usleep(STEP_US);
	}
}

int main(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, keep_few, NULL))
		return 1;
	run_phase(early, 0);
	pthread_join(other, NULL);
	run_phase(late, STEPS);
	return 0;
}
