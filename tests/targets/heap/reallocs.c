/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* reallocs ROUNDS: realloc in every way that it can go: grow, shrink, NULL, 0, failure. */
#include <unistd.h>

#include "truth.h"

/* More than any allocator gives: the call fails and the block stays. */
#define IMPOSSIBLE ((size_t)PTRDIFF_MAX)

static struct truth truth;
static struct block blocks[64];

static void grow_and_shrink(uint64_t *random)
{
	for (int i = 0; i < 64; i++)
		do_realloc(&truth, &blocks[i], 1 + next_random(random) % 8000);
}

static void fail_to_grow(void)
{
	for (int i = 0; i < 64; i += 5)
		do_realloc(&truth, &blocks[i], IMPOSSIBLE);
}

/* glibc, and most others, free the block and return NULL; those that return a block are counted so.
 */
static void resize_to_nothing(void)
{
	for (int i = 0; i < 64; i += 7)
		do_realloc(&truth, &blocks[i], 0);
}

static void grow_in_steps(void)
{
	struct block b = {};

	for (size_t size = 16; size < 4 << 20; size += size / 2)
		do_realloc(&truth, &b, size);
	do_free(&truth, &b);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 200;
	uint64_t random = 11;

	for (int i = 0; i < 8; i++)
		do_malloc(&truth, &blocks[i], 50);
	truth__open();
	for (long i = 0; i < rounds; i++) {
		grow_and_shrink(&random);
		fail_to_grow();
		resize_to_nothing();
		grow_in_steps();
	}
	truth__close(&truth, true);
	_exit(0);
}
