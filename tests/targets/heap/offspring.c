/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * offspring WAY COUNT: starts COUNT children, all before it waits for any, by one of the ways that
 * there are; each allocates from its first moment, in a constructor, and writes its own truth.
 *   fork            a copy that works
 *   vfork, clone    a child in the parent's memory, which works there (clone: on its own stack)
 *   vfork-exec, clone-exec, spawn
 *                   a child in the parent's memory that executes this program
 *   thread-exec     a copy whose second thread executes this program
 *   orphan          a copy of a copy that ended: nobody waits for it but init
 *   work            no child: what the ways that execute run
 */
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define BLOCKS 40
#define STACK_SIZE 65536

extern char **environ;

static struct truth truth;
static struct block kept[BLOCKS];

/* Leaves every fourth block live. */
static void work(struct truth *t, struct block *blocks)
{
	for (int i = 0; i < BLOCKS; i++)
		do_malloc(t, &blocks[i], 100 + i);
	for (int i = 0; i < BLOCKS; i++)
		if (i % 4)
			do_free(t, &blocks[i]);
}

__attribute__((constructor)) static void work_early(void)
{
	truth_counting = true; /* before truth.c's own constructor */
	work(&truth, kept);
}

static void execute(void)
{
	execl("/proc/self/exe", "offspring", "work", "0", (char *)NULL);
	_exit(5);
}

static void *execute_in_thread(void *unused)
{
	execute();
	return NULL;
}

/* A copy's account: what the parent had allocated is there, and not its own. */
static void work_as_copy(void)
{
	struct truth own = {
		.inherited_count = truth.alloc_count + truth.inherited_count - truth.free_count,
		.inherited_bytes = truth.alloc_bytes + truth.inherited_bytes - truth.freed_bytes};
	struct block blocks[BLOCKS];

	work(&own, blocks);
	truth__write(&own, false);
	_exit(0);
}

static int work_in_memory(void *unused)
{
	struct block blocks[BLOCKS];

	work(&truth, blocks);
	_exit(0);
}

static int execute_in_memory(void *unused)
{
	execute();
	return 0;
}

static pid_t start_vfork(bool exec)
{
	pid_t child = vfork();

	if (child)
		return child;
	if (exec)
		execute();
	work_in_memory(NULL);
	_exit(5);
}

static pid_t start_clone(int (*run)(void *))
{
	static char stack[STACK_SIZE] __attribute__((aligned(16)));

	return clone(run, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
}

static pid_t start_spawn(void)
{
	char *arguments[] = {"offspring", "work", "0", NULL};
	pid_t child;

	return posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) ? -1 : child;
}

static pid_t start_copy(const char *way)
{
	pid_t child = fork();
	pthread_t thread;

	if (child)
		return child;
	if (!strcmp(way, "thread-exec")) {
		pthread_create(&thread, NULL, execute_in_thread, NULL);
		pthread_join(thread, NULL);
		_exit(6);
	}
	if (!strcmp(way, "orphan") && fork())
		_exit(0);
	work_as_copy();
	_exit(5);
}

static pid_t start(const char *way)
{
	if (!strcmp(way, "vfork") || !strcmp(way, "vfork-exec"))
		return start_vfork(!strcmp(way, "vfork-exec"));
	if (!strcmp(way, "clone"))
		return start_clone(work_in_memory);
	if (!strcmp(way, "clone-exec"))
		return start_clone(execute_in_memory);
	if (!strcmp(way, "spawn"))
		return start_spawn();
	return start_copy(way);
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 0, failures = 0, status;

	/* So that orphans are waited for, too. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < count; i++)
		failures += start(argv[1]) < 0;
	while (wait(&status) > 0)
		failures += status != 0;
	truth__write(&truth, false);
	_exit(failures != 0);
}
