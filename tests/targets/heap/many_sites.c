/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * many_sites SECONDS [PAUSE_US [LEAK_EVERY]]: 300 call sites that allocate and free, each in its
 * own rhythm and of its own sizes, some of whose blocks live for a while; and one, forget_session,
 * that leaks a block of a hundred bytes in every LEAK_EVERY rounds (default 4). Rests for PAUSE_US
 * after each round. At the end it prints what each site did, as JSON: {"site_117": {"count",
 * "bytes", "live_count", "live_bytes"}, ...}. Without a gate it then waits until it is ended, for
 * someone to look.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

#define SITES 300
#define KEPT 64 /* blocks that a site with longer lives has at a time */

struct site_truth {
	uint64_t count, bytes, freed_count, freed_bytes;
};

static struct site_truth truths[SITES + 1];
static void *kept[SITES][KEPT];
static size_t kept_sizes[SITES][KEPT];

static void *note(void *block, size_t size, int site)
{
	truths[site].count++;
	truths[site].bytes += size;
	return block;
}

#define SITE(n)                                                              \
	static __attribute__((noinline)) void *site_##n(size_t size)         \
	{                                                                    \
		void *block = malloc(size);                                  \
		__asm__ volatile("" : "+r"(block)); /* a call, not a jump */ \
		return note(block, size, n - 100);                           \
	}
#define TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define HUNDRED(m, n) \
	TEN(m, n##0)  \
	TEN(m, n##1)  \
	TEN(m, n##2)  \
	TEN(m, n##3) TEN(m, n##4) TEN(m, n##5) TEN(m, n##6) TEN(m, n##7) TEN(m, n##8) TEN(m, n##9)
/* From 100 on: a number that begins with 0 is octal. */
HUNDRED(SITE, 1)
HUNDRED(SITE, 2)
HUNDRED(SITE, 3)

#define ENTRY(n) site_##n,
typedef void *site_fn(size_t);
static site_fn *const sites[SITES] = {HUNDRED(ENTRY, 1) HUNDRED(ENTRY, 2) HUNDRED(ENTRY, 3)};

static __attribute__((noinline)) void forget_session(void)
{
	char *block = malloc(100);

	block[0] = 1;
	note(block, 100, SITES);
}

static uint32_t draw(void)
{
	static uint64_t state = 88172645463325252ull;

	return next_random(&state) >> 33;
}

static void give_back(int site, void *block, size_t size)
{
	truths[site].freed_count++;
	truths[site].freed_bytes += size;
	free(block);
}

/* Every third site keeps its blocks until KEPT others have come. */
static void use(int site)
{
	size_t size = 24 + site * 3 + draw() % 32;
	void *block = sites[site](size);
	int place = draw() % KEPT;

	if (site % 3) {
		give_back(site, block, size);
		return;
	}
	if (kept[site][place])
		give_back(site, kept[site][place], kept_sizes[site][place]);
	kept[site][place] = block;
	kept_sizes[site][place] = size;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void print_truth(double passed)
{
	printf("{");
	for (int i = 0; i <= SITES; i++) {
		const struct site_truth *truth = &truths[i];

		if (i < SITES)
			printf("\"site_%d\": ", 100 + i);
		else
			printf("\"forget_session\": ");
		printf("{\"count\": %lu, \"bytes\": %lu, \"live_count\": %lu, \"live_bytes\": "
		       "%lu}, ",
			truth->count, truth->bytes, truth->count - truth->freed_count,
			truth->bytes - truth->freed_bytes);
	}
	printf("\"seconds\": %.3f}\n", passed);
	fflush(stdout);
}

static void work(double limit, useconds_t rest, uint64_t leak_every)
{
	double start = seconds();
	uint64_t rounds = 0;

	while (seconds() - start < limit) {
		for (int i = 0; i < 20; i++) {
			uint32_t site = draw() % SITES;

			/* Some come much more often than others. */
			use(draw() % 2 ? (int)site : (int)(site % 30));
		}
		if (++rounds % leak_every == 0)
			forget_session();
		if (rest)
			usleep(rest);
	}
	print_truth(seconds() - start);
}

int main(int argc, char **argv)
{
	if (getenv("GATE")) {
		truth__signal("ready");
		truth__await("go");
	}
	work(argc > 1 ? atof(argv[1]) : 10, argc > 2 ? atoi(argv[2]) : 1000,
		argc > 3 ? atoi(argv[3]) : 4);
	if (!getenv("GATE"))
		for (;;)
			pause();
	truth__signal("done");
	truth__await("finish");
	return 0;
}
