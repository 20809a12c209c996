/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * many_stacks STACKS [KEPT]: allocates a block of 16 bytes from each of STACKS different call
 * stacks, and keeps the first KEPT (default: all) of them.
 */
#include "truth.h"

static uint64_t path, kept_count;
static unsigned int depth;
static struct truth truth;

static void step(unsigned int level);

static __attribute__((noinline)) void go_left(unsigned int level)
{
	step(level + 1);
	__asm__ volatile("");
}

static __attribute__((noinline)) void go_right(unsigned int level)
{
	step(level + 1);
	__asm__ volatile("");
}

static void allocate(void)
{
	struct block block = {0};

	do_malloc(&truth, &block, 16);
	if (path >= kept_count)
		do_free(&truth, &block);
}

/* At each level one bit of the path says which way. */
static __attribute__((noinline)) void step(unsigned int level)
{
	if (level == depth)
		allocate();
	else if (path >> level & 1)
		go_left(level);
	else
		go_right(level);
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;

	kept_count = argc > 2 ? strtoull(argv[2], NULL, 10) : count;
	while (1ull << depth < count)
		depth++;
	truth__open();
	for (path = 0; path < count; path++)
		step(0);
	truth__close(&truth, true);
	return 0;
}
