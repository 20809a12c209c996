/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * forktree DEPTH BREADTH [exec]: a tree of processes. Each works, forks its children, frees what it
 * inherited but one block, and writes its own truth: the inherited blocks count as freed there,
 * never as allocated. With `exec`, the leaves run this program anew, which starts from an empty
 * heap.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define BLOCKS 50
/* Of them, freed by each process before it forks. */
#define FREED_EARLY 20

static void allocate(struct truth *t, struct block *blocks, int depth)
{
	for (int i = 0; i < BLOCKS; i++)
		do_malloc(t, &blocks[i], 1000 * (depth + 1) + i);
	for (int i = 0; i < FREED_EARLY; i++)
		do_free(t, &blocks[i]);
}

/* The blocks that no ancestor freed: each process inherits copies of its parent's copies, too. */
static uint64_t kept_count, kept_bytes;

/* All but the last, which stays live in the child too. */
static void free_inherited(struct truth *t, struct block *inherited)
{
	t->inherited_count += kept_count;
	t->inherited_bytes += kept_bytes;
	kept_count++;
	kept_bytes += inherited[BLOCKS - 1].size;
	for (int i = FREED_EARLY; i < BLOCKS; i++) {
		t->inherited_count++;
		t->inherited_bytes += inherited[i].size;
		if (i < BLOCKS - 1)
			do_free(t, &inherited[i]);
	}
}

static int grow(int depth, int breadth, bool exec, const char *program, struct block *inherited)
{
	struct block blocks[BLOCKS] = {};
	struct truth truth = {};
	int status, failures = 0;

	if (depth == 0 && exec) {
		execl(program, program, "0", "0", (char *)NULL);
		return 5;
	}
	if (inherited)
		free_inherited(&truth, inherited);
	allocate(&truth, blocks, depth);
	for (int i = 0; depth > 0 && i < breadth; i++)
		if (fork() == 0)
			_exit(grow(depth - 1, breadth, exec, program, blocks));
	while (wait(&status) > 0)
		failures += status != 0;
	truth__write(&truth, false);
	return failures > 0;
}

int main(int argc, char **argv)
{
	int depth = argc > 1 ? atoi(argv[1]) : 2;
	int breadth = argc > 2 ? atoi(argv[2]) : 3;
	bool exec = argc > 3 && strcmp(argv[3], "exec") == 0;
	bool gated = getenv("GATE") != NULL;
	int status;

	if (gated) {
		truth__signal("ready");
		truth__await("go");
		truth_counting = true;
	}
	/* An exec'd leaf must not wait at the gate a second time. */
	unsetenv("GATE");
	status = grow(depth, breadth, exec, argv[0], NULL);
	_exit(status);
}
