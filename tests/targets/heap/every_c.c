/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * every_c [no-pvalloc]: each C function of the heap, each success once per round, freed in a mixed
 * order. jemalloc leaves pvalloc to the C library, and then cannot free what that gave.
 */
#include <malloc.h>
#include <unistd.h>

#include "truth.h"

#define BLOCKS 12
#define ROUNDS 25

static struct truth truth;
static bool with_pvalloc;

static void *posix_aligned(size_t alignment, size_t size)
{
	void *address = NULL;

	return posix_memalign(&address, alignment, size) == 0 ? address : NULL;
}

static void use_all(struct block *b, size_t n)
{
	do_malloc(&truth, &b[0], n);
	do_malloc(&truth, &b[1], 0);
	do_calloc(&truth, &b[2], n, 3);
	do_calloc(&truth, &b[3], 0, 8);
	b[4].address = NULL;
	do_realloc(&truth, &b[4], n + 1);
	b[5].address = NULL;
	truth__realloc(&truth, &b[5], opaque(reallocarray(NULL, n, 2)), 2 * n);
	truth__realloc(&truth, &b[5], opaque(reallocarray(b[5].address, n, 5)), 5 * n);
	truth__alloc(&truth, &b[6], opaque(posix_aligned(256, n + 2)), n + 2);
	truth__alloc(&truth, &b[7], opaque(aligned_alloc(64, 64 * n)), 64 * n);
	truth__alloc(&truth, &b[8], opaque(memalign(512, n + 3)), n + 3);
	truth__alloc(&truth, &b[9], opaque(valloc(n + 4)), n + 4);
#ifdef __GLIBC__
	if (with_pvalloc)
		truth__alloc(&truth, &b[10], opaque(pvalloc(n + 5)), n + 5);
#endif
	free(NULL);
	do_malloc(&truth, &b[11], n + 6);
	do_free(&truth, &b[11]);
}

int main(int argc, char **argv)
{
	static struct block blocks[ROUNDS][BLOCKS];

	with_pvalloc = argc < 2;
	truth__open();
	for (int i = 0; i < ROUNDS; i++)
		use_all(blocks[i], 10 + 7 * i);
	/* The last round's blocks stay live. */
	for (int j = BLOCKS - 1; j >= 0; j--)
		for (int i = 0; i < ROUNDS - 1; i++)
			if (blocks[i][j].address)
				do_free(&truth, &blocks[i][j]);
	truth__close(&truth, true);
	_exit(0);
}
