/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * slow_leak TICKS: fourteen caches that fill at the start and stay, each of 1.3 MB, and a leak of
 * ten blocks of 48 bytes each 50 ms: the smallest site, and the only one that matters.
 */
#include <unistd.h>

#include "truth.h"

#define ENTRIES 64

static void *volatile cache[ENTRIES];
static void *volatile leaked;

__attribute__((noinline)) static void fill_cache(size_t size)
{
	for (int i = 0; i < ENTRIES; i++)
		cache[i] = malloc(size);
}

/* Fourteen call sites. */
static void fill_caches(void)
{
	fill_cache(20000);
	fill_cache(20100);
	fill_cache(20200);
	fill_cache(20300);
	fill_cache(20400);
	fill_cache(20500);
	fill_cache(20600);
	fill_cache(20700);
	fill_cache(20800);
	fill_cache(20900);
	fill_cache(21000);
	fill_cache(21100);
	fill_cache(21200);
	fill_cache(21300);
}

__attribute__((noinline)) static void remember(void)
{
	leaked = malloc(48);
	free(opaque(malloc(100)));
}

int main(int argc, char **argv)
{
	int ticks = argc > 1 ? atoi(argv[1]) : 0;

	fill_caches();
	for (int tick = 0; tick < ticks; tick++) {
		for (int i = 0; i < 10; i++)
			remember();
		usleep(50000);
	}
	_exit(0);
}
