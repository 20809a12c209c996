/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * grows [fork | huge]: touches 24 MiB in keep_it, which stay, by malloc; 16 MiB in move_it, which
 * mremap moves; 32 MiB in unmap_it and 16 MiB in advise_it, which are given back. With "fork" a
 * child does it. With "huge" it touches 32 MiB by huge pages, and 16 MiB by small ones instead.
 * Between the gates.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define MIB (1ul << 20)
#define DISTINCT __attribute__((noinline, noclone))

static char *volatile kept;

static char *map(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(5);
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

DISTINCT static void keep_it(void)
{
	for (int i = 0; i < 24; i++) {
		kept = malloc(MIB);
		memset(kept, 1, MIB);
	}
}

DISTINCT static void unmap_it(void)
{
	kept = map(32 * MIB);
	memset(kept, 1, 32 * MIB);
	munmap(kept, 32 * MIB);
}

DISTINCT static void move_it(void)
{
	char *memory = map(16 * MIB), *place = map(64 * MIB);

	memset(memory, 1, 16 * MIB);
	kept = mremap(memory, 16 * MIB, 16 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	if (kept != place)
		_exit(5);
}

DISTINCT static void advise_it(void)
{
	kept = map(16 * MIB);
	memset(kept, 1, 16 * MIB);
	madvise(kept, 16 * MIB, MADV_DONTNEED);
}

#define HUGE (2 * MIB)

static char *map_aligned(size_t bytes)
{
	char *memory = map(bytes + HUGE);

	return (char *)(((uintptr_t)memory + HUGE - 1) & -(uintptr_t)HUGE);
}

/* By huge pages, where the machine makes them for who asks. */
DISTINCT static void grow_by_huge_pages(void)
{
	kept = map_aligned(32 * MIB);
	madvise(kept, 32 * MIB, MADV_HUGEPAGE);
	memset(kept, 1, 32 * MIB);
	kept[0] = 2; /* no tail call */
}

/* By small pages, where huge ones would be made if there were none before. */
DISTINCT static void grow_by_small_pages(void)
{
	kept = map_aligned(16 * MIB);
	for (size_t i = 0; i < 16 * MIB; i += HUGE)
		kept[i] = 1;
	madvise(kept, 16 * MIB, MADV_HUGEPAGE);
	memset(kept, 1, 16 * MIB);
	kept[0] = 2;
}

static void grow(void)
{
	keep_it();
	unmap_it();
	move_it();
	advise_it();
}

int main(int argc, char **argv)
{
	struct truth truth = {0};
	bool forks = argc > 1 && !strcmp(argv[1], "fork");
	bool huge = argc > 1 && !strcmp(argv[1], "huge");
	pid_t child = 0;

	truth__open();
	if (forks)
		child = fork();
	if (huge) {
		grow_by_huge_pages();
		grow_by_small_pages();
	} else if (!child) {
		grow();
	}
	if (forks && !child)
		_exit(0);
	if (forks)
		waitpid(child, NULL, 0);
	truth__close(&truth, false);
	return 0;
}
