/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * jit_again MODE [ROUNDS]: makes code at one address again and again, each time under another name,
 * and allocates from each 100 blocks that are kept: made_0 allocates 1,000 bytes each, made_1 1,001
 * and so on. The code's bytes are the same each time, as a compiler's stubs are. MODE:
 *   append   a line for each name, in one file, as most compilers do
 *   anew     the file is written anew each time
 *   replace  another file takes its name
 *   late     the line is written after the first half of the blocks
 *   fork     each round in a child of its own, at the same address, with its own file
 *   inherit  append; then a child that allocates from the last code, 7,000 bytes each
 *   exec     as append; then it executes itself, with code at the same address and no map
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM ((void *)0x600000000000)
#define BLOCKS 100

/* push %rbp; mov %rsp, %rbp; call *%rsi; pop %rbp; ret */
static const unsigned char caller[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0x5d, 0xc3};

typedef void caller_fn(size_t size, void (*allocate)(size_t size));

static void *volatile kept;

static void allocate(size_t size)
{
	kept = malloc(size);
}

static void make_code(void)
{
	void *room = mmap(ROOM, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (room == MAP_FAILED)
		_exit(3);
	memcpy(room, caller, sizeof(caller));
}

static void write_name(const char *mode, int number)
{
	char path[64], temporary[64];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	snprintf(temporary, sizeof(temporary), "/tmp/perf-%d.map.new", getpid());
	file = fopen(
		!strcmp(mode, "replace") ? temporary : path, strcmp(mode, "append") ? "w" : "a");
	if (!file)
		_exit(3);
	fprintf(file, "%lx %zx made_%d\n", (unsigned long)ROOM, sizeof(caller), number);
	fclose(file);
	if (!strcmp(mode, "replace"))
		rename(temporary, path);
}

static void run_code(size_t size, int count)
{
	for (int i = 0; i < count; i++)
		((caller_fn *)ROOM)(size, allocate);
}

static void make_round(const char *mode, int number)
{
	make_code();
	if (strcmp(mode, "late")) {
		write_name(mode, number);
		run_code(1000 + number, BLOCKS);
		return;
	}
	run_code(1000 + number, BLOCKS / 2);
	write_name("append", number);
	run_code(1000 + number, BLOCKS / 2);
}

static void clear_name(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	unlink(path);
}

static void in_child(void (*run)(int number), int number)
{
	pid_t pid = fork();

	if (!pid) {
		run(number);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(3);
}

static void make_own_round(int number)
{
	clear_name();
	make_round("append", number);
}

static void run_inherited(int number)
{
	run_code(7000, BLOCKS);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "append";
	int rounds = argc > 2 ? atoi(argv[2]) : 5;

	if (!strcmp(mode, "executed")) {
		make_code();
		run_code(8000, BLOCKS);
		return 0;
	}
	clear_name();
	for (int i = 0; i < rounds; i++) {
		if (!strcmp(mode, "fork"))
			in_child(make_own_round, i);
		else if (!strcmp(mode, "inherit") || !strcmp(mode, "exec"))
			make_round("append", i);
		else
			make_round(mode, i);
		if (argc > 3)
			usleep(atoi(argv[3]));
	}
	if (!strcmp(mode, "inherit"))
		in_child(run_inherited, 0);
	if (!strcmp(mode, "exec"))
		execl("/proc/self/exe", argv[0], "executed", NULL);
	return 0;
}
