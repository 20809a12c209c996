/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Code made at run time, as compilers for scripts make it: in room that was reserved before, made
 * executable by mprotect, without frame information but with frame pointers, and named in
 * /tmp/perf-PID.map, which is left behind. Allocates from it for two seconds.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "known_stack.h"

#define ROUNDS 400
#define PAGE 4096

/* push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret: calls its argument. */
static const unsigned char inner[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
/* push %rbp; mov %rsp, %rbp; call *%rsi; pop %rbp; ret: calls its second argument with the first.
 */
static const unsigned char outer[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0x5d, 0xc3};

typedef void code(void (*callee)(void), void *next);

NOINLINE static void allocate(void)
{
	KNOWN(allocate);

	known_alloc();
}

static void write_map(const unsigned char *room)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	file = fopen(path, "w");
	if (!file)
		_exit(3);
	fprintf(file, "%lx %zx made_inner\n", (unsigned long)room, sizeof(inner));
	fprintf(file, "%lx %zx made_outer\n", (unsigned long)room + 64, sizeof(outer));
	fclose(file);
}

int main(void)
{
	struct timespec pause = {.tv_nsec = 5000000};
	unsigned char *room;

	known_stack__open_gate();
	room = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(room, PAGE, PROT_READ | PROT_WRITE);
	memcpy(room, inner, sizeof(inner));
	memcpy(room + 64, outer, sizeof(outer));
	mprotect(room, PAGE, PROT_READ | PROT_EXEC);
	write_map(room);
	for (int i = 0; i < ROUNDS; i++) {
		((code *)(room + 64))(allocate, room);
		nanosleep(&pause, NULL);
	}
	known_stack__close_gate();
	return 0;
}
