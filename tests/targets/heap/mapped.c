/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * mapped [fork]: memory that the program maps by calls of its own, each way in a function of its
 * own, beside mappings that are no growth: an allocator's, a thread's stack, a file's, address
 * space without access. Writes to $TRUTH how many bytes of each function stay mapped. With "fork"
 * a child does the same once more.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define PAGE 4096UL
#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS)
#define DISTINCT __attribute__((noinline, noclone))

static char *kept; /* stores to it keep calls from becoming jumps */
static void *volatile block;

static char *must(void *address)
{
	if (address == MAP_FAILED)
		_exit(5);
	return address;
}

DISTINCT static char *map_pages(size_t pages)
{
	kept = must(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, FLAGS, -1, 0));
	return kept;
}

/* Two pages out of the middle of 300 are given back. */
DISTINCT static void keep_with_a_hole(void)
{
	kept = must(mmap(NULL, 300 * PAGE, PROT_READ | PROT_WRITE, FLAGS, -1, 0));
	if (munmap(kept + 100 * PAGE, 2 * PAGE))
		_exit(5);
	kept[0] = 1;
}

DISTINCT static void give_back(void)
{
	char *pages = must(mmap(NULL, 500 * PAGE, PROT_READ | PROT_WRITE, FLAGS, -1, 0));

	if (munmap(pages, 500 * PAGE))
		_exit(5);
	kept = NULL;
}

/* What map_pages mapped becomes this function's: 40 pages instead of 10. */
DISTINCT static void enlarge(void)
{
	char *pages = map_pages(10);

	kept = must(mremap(pages, 10 * PAGE, 40 * PAGE, MREMAP_MAYMOVE));
	kept[0] = 1;
}

/* 5 of the 20 pages of map_pages are replaced. */
DISTINCT static void map_over(void)
{
	char *pages = map_pages(20);

	kept = must(
		mmap(pages + 3 * PAGE, 5 * PAGE, PROT_READ | PROT_WRITE, FLAGS | MAP_FIXED, -1, 0));
	kept[0] = 1;
}

DISTINCT static void move_break(void)
{
	if (sbrk(30 * PAGE) == (void *)-1 || sbrk(-10 * (long)PAGE) == (void *)-1)
		_exit(5);
	kept = NULL;
}

/* 20 of 50 pages of address space become memory, in two calls that overlap. */
DISTINCT static void open_reserved(void)
{
	char *space = must(mmap(NULL, 50 * PAGE, PROT_NONE, FLAGS | MAP_NORESERVE, -1, 0));

	if (mprotect(space + 10 * PAGE, 15 * PAGE, PROT_READ | PROT_WRITE) ||
		mprotect(space + 20 * PAGE, 10 * PAGE, PROT_READ | PROT_WRITE))
		_exit(5);
	kept = space;
}

static void *rest(void *argument)
{
	pause();
	return argument;
}

/* None of these is growth by a call of the program's own. */
DISTINCT static void map_other_things(void)
{
	pthread_t thread;
	int fd = open("/proc/self/exe", O_RDONLY);

	block = malloc(64 << 20); /* glibc maps it */
	must(mmap(NULL, 64 << 20, PROT_NONE, FLAGS | MAP_NORESERVE, -1, 0));
	must(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	close(fd);
	if (!block || pthread_create(&thread, NULL, rest, NULL))
		_exit(5);
	kept = NULL;
}

static void do_all(void)
{
	keep_with_a_hole();
	give_back();
	enlarge();
	map_over();
	move_break();
	open_reserved();
	map_other_things();
}

int main(int argc, char **argv)
{
	bool forks = argc > 1 && !strcmp(argv[1], "fork");
	unsigned long times = forks ? 2 : 1;
	const char *path = getenv("TRUTH");
	char line[512];
	int fd, length;
	pid_t child;

	truth__open();
	do_all();
	if (forks) {
		child = fork();
		if (!child) {
			do_all();
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	length = snprintf(line, sizeof(line),
		"{\"keep_with_a_hole\":%lu,\"enlarge\":%lu,\"map_over\":%lu,\"map_pages\":%lu,"
		"\"move_break\":%lu,\"open_reserved\":%lu}\n",
		times * 298 * PAGE, times * 40 * PAGE, times * 5 * PAGE, times * 15 * PAGE,
		times * 20 * PAGE, times * 20 * PAGE);
	fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : 1;
	if (write(fd, line, length) != length)
		return 4;
	if (getenv("GATE")) {
		truth__signal("done");
		truth__await("finish");
	}
	_exit(0);
}
