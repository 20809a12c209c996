/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * mappings: mmap, munmap, mremap and brk by known amounts; prints the account as JSON to $TRUTH.
 * The heap is not touched, so heap totals must be 0.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "truth.h"

#define PAGE 4096UL
#define ROUNDS 20

static unsigned long mmaps, mmap_bytes, munmaps, munmap_bytes, mremaps, brk_growth;

static char *map(size_t length)
{
	char *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(5);
	mmaps++;
	mmap_bytes += length;
	return p;
}

static void unmap(char *p, size_t length)
{
	if (munmap(p, length))
		_exit(5);
	munmaps++;
	munmap_bytes += length;
}

static void work(int i)
{
	char *whole = map((8 + i) * PAGE), *moved;

	/* A hole in the middle: what is left are two pieces. */
	unmap(whole + 2 * PAGE, 3 * PAGE);
	moved = map(4 * PAGE);
	moved = mremap(moved, 4 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
	if (moved == MAP_FAILED)
		_exit(5);
	mremaps++;
	if (i % 2)
		unmap(moved, 9 * PAGE);
	/* Fails, and is no event of the account. */
	mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void grow_heap(void)
{
	if (sbrk(16 * PAGE) == (void *)-1 || sbrk(-4 * (long)PAGE) == (void *)-1)
		_exit(5);
	brk_growth += 12 * PAGE;
}

int main(int argc, char **argv)
{
	const char *path = getenv("TRUTH");
	char line[512];
	int fd, length;

	truth__open();
	for (int i = 0; i < ROUNDS; i++)
		work(i);
	grow_heap();
	length = snprintf(line, sizeof(line),
		"{\"mmap_count\":%lu,\"mmap_bytes\":%lu,\"munmap_count\":%lu,\"munmap_bytes\":%lu,"
		"\"mremap_count\":%lu,\"brk_growth\":%lu,\"mapped_bytes\":%lu}\n",
		mmaps, mmap_bytes, munmaps, munmap_bytes, mremaps, brk_growth,
		mmap_bytes + mremaps * 5 * PAGE - munmap_bytes);
	fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : 1;
	if (write(fd, line, length) != length)
		return 4;
	if (getenv("GATE")) {
		truth__signal("done");
		truth__await("finish");
	}
	_exit(0);
}
