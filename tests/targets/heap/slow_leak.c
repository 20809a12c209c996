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

#define CACHE(number)                                                   \
	__attribute__((noinline)) static void fill_cache_##number(void) \
	{                                                               \
		for (int i = 0; i < ENTRIES; i++)                       \
			cache[i] = malloc(20000 + number * 100);        \
	}
CACHE(0)
CACHE(1)
CACHE(2) CACHE(3) CACHE(4) CACHE(5) CACHE(6) CACHE(7) CACHE(8) CACHE(9) CACHE(10) CACHE(11) CACHE(
	12) CACHE(13)

	static void (*const fill[])(void) = {fill_cache_0, fill_cache_1, fill_cache_2, fill_cache_3,
		fill_cache_4, fill_cache_5, fill_cache_6, fill_cache_7, fill_cache_8, fill_cache_9,
		fill_cache_10, fill_cache_11, fill_cache_12, fill_cache_13};

__attribute__((noinline)) static void remember(void)
{
	leaked = malloc(48);
	free(opaque(malloc(100)));
}

int main(int argc, char **argv)
{
	int ticks = argc > 1 ? atoi(argv[1]) : 0;

	for (size_t i = 0; i < sizeof(fill) / sizeof(*fill); i++)
		fill[i]();
	for (int tick = 0; tick < ticks; tick++) {
		for (int i = 0; i < 10; i++)
			remember();
		usleep(50000);
	}
	_exit(0);
}
