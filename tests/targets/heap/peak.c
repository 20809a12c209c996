/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * peak: a program that knows what its heap is made of when it is largest, how long blocks live, and
 * which are temporary; the checks are in tests/e2e/peak.bats.
 *
 *	base()		100 blocks of 1,000 bytes, kept to the end
 *	spike()		50 blocks of 10,000 bytes on top: the peak; freed at once when all are there
 *	after()		20 blocks of 3,000 bytes, only after the peak, kept
 *	temporary()	300 blocks of 64 bytes, each freed before the next
 *	slow()		10 blocks of 32 bytes, each freed after 20 ms
 */
#include <stdlib.h>
#include <unistd.h>

#include "truth.h"

#define SPIKE_BLOCKS 50

static void *kept[120];

__attribute__((noinline)) static void base(void)
{
	for (int i = 0; i < 100; i++)
		kept[i] = opaque(malloc(1000));
}

__attribute__((noinline)) static void spike(void)
{
	void *blocks[SPIKE_BLOCKS];

	for (int i = 0; i < SPIKE_BLOCKS; i++)
		blocks[i] = opaque(malloc(10000));
	for (int i = 0; i < SPIKE_BLOCKS; i++)
		free(blocks[i]);
}

__attribute__((noinline)) static void after(void)
{
	for (int i = 0; i < 20; i++)
		kept[100 + i] = opaque(malloc(3000));
}

__attribute__((noinline)) static void temporary(void)
{
	for (int i = 0; i < 300; i++)
		free(opaque(malloc(64)));
}

__attribute__((noinline)) static void slow(void)
{
	for (int i = 0; i < 10; i++) {
		void *block = opaque(malloc(32));

		usleep(20000);
		free(block);
	}
}

int main(void)
{
	base();
	spike();
	after();
	temporary();
	slow();
	return 0;
}
