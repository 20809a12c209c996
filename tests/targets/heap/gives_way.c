/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A malloc of the program's own whose calls do not simply return: in the midst of one, before and
 * after the C library gives it the block, the thread goes elsewhere. How, the argument says:
 *	swap		to another fiber, whose stack lies beside
 *	migrate		to another fiber; the call goes on in another kernel thread
 *	jump		away, by longjmp: LEFT calls never return
 *	abandon		away, forever: LEFT stacks are unmapped with a call on them
 *	signal		into a handler on another stack, which allocates
 *	leave		into a handler that does not come back: LEFT calls never return
 *	vfork, clone	a child runs in the same memory, and allocates there
 * Writes its truth (truth.h; of the calls that return), prints what it did, and ends with status 7.
 * With -DPRELOADED the malloc is in a library, gives_way_library.c.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "truth.h"

#define FIBERS 4
#define ROUNDS 50
#define LEFT 5
#define STACK_BYTES (64 << 10)
/* Only calls of this size go elsewhere. */
#define WAY_BYTES 1234

/* Called with each size; is_after: the block is there. */
void (*in_malloc)(size_t size, bool is_after);

#ifndef PRELOADED
extern void *__libc_malloc(size_t size);
extern void __libc_free(void *address);

__attribute__((noinline)) void *malloc(size_t size)
{
	void *address;

	if (in_malloc)
		in_malloc(size, false);
	address = __libc_malloc(size);
	if (in_malloc)
		in_malloc(size, true);
	return address;
}

__attribute__((noinline)) void free(void *address)
{
	if (address)
		__libc_free(address);
}
#endif

struct fiber {
	ucontext_t context;
	struct truth truth;
	int left; /* rounds */
	bool is_running;
};

static struct fiber fibers[FIBERS];
static char stacks[FIBERS][STACK_BYTES] __attribute__((aligned(4096)));
static struct truth truth;
static int finished;

/* --- fibers: each kernel thread goes from its own stack to a fiber and back */

static __thread struct fiber *current;
static __thread ucontext_t home;

/* Not inlined: after a switch the thread may be another, and so are its variables. */
__attribute__((noinline)) static ucontext_t *find_home(void)
{
	__asm__ volatile("");
	return &home;
}

__attribute__((noinline)) static struct fiber *find_current(void)
{
	__asm__ volatile("");
	return current;
}

static void give_way(size_t size, bool is_after)
{
	struct fiber *fiber = find_current();

	(void)is_after;
	if (size == WAY_BYTES && fiber)
		swapcontext(&fiber->context, find_home());
}

static void run_fiber(int index)
{
	struct fiber *fiber = &fibers[index];
	struct block block = {};

	while (fiber->left-- > 0) {
		do_malloc(&fiber->truth, &block, WAY_BYTES);
		do_free(&fiber->truth, &block);
		do_malloc(&fiber->truth, &block, 10);
		do_free(&fiber->truth, &block);
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
	fiber->left = -1;
	setcontext(find_home());
}

static void make_fiber(int index, void *stack)
{
	struct fiber *fiber = &fibers[index];

	getcontext(&fiber->context);
	fiber->context.uc_stack.ss_sp = stack;
	fiber->context.uc_stack.ss_size = STACK_BYTES;
	fiber->left = ROUNDS;
	makecontext(&fiber->context, (void (*)(void))run_fiber, 1, index);
}

/* Runs whichever fiber no other thread runs, one after the other, until all have finished. */
static void *run_fibers(void *arg)
{
	int next = (long)arg;

	while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < FIBERS) {
		struct fiber *fiber = &fibers[next++ % FIBERS];

		if (__atomic_exchange_n(&fiber->is_running, true, __ATOMIC_ACQUIRE))
			continue;
		if (fiber->left >= 0) {
			current = fiber;
			swapcontext(&home, &fiber->context);
			current = NULL;
		}
		__atomic_store_n(&fiber->is_running, false, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void use_fibers(bool migrate)
{
	pthread_t other;

	for (int i = 0; i < FIBERS; i++)
		make_fiber(i, stacks[i]);
	if (migrate && pthread_create(&other, NULL, run_fibers, (void *)2))
		exit(1);
	in_malloc = give_way;
	run_fibers(NULL);
	if (migrate)
		pthread_join(other, NULL);
	in_malloc = NULL;
	for (int i = 0; i < FIBERS; i++)
		truth__add(&truth, &fibers[i].truth);
}

static void abandon_stacks(void)
{
	in_malloc = give_way;
	for (int i = 0; i < LEFT; i++) {
		void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		make_fiber(0, stack);
		current = &fibers[0];
		swapcontext(&home, &fibers[0].context);
		current = NULL;
		munmap(stack, STACK_BYTES);
	}
	in_malloc = NULL;
}

/* --- other ways */

static sigjmp_buf back;
static char signal_stack[STACK_BYTES];

static void jump_away(size_t size, bool is_after)
{
	if (size == WAY_BYTES && !is_after)
		siglongjmp(back, 1);
}

static void raise_signal(size_t size, bool is_after)
{
	if (size == WAY_BYTES)
		raise(SIGUSR1);
}

static void allocate_in_handler(int number)
{
	struct block block = {};

	do_malloc(&truth, &block, 20);
	do_free(&truth, &block);
}

static void leave_handler(int number)
{
	siglongjmp(back, 1);
}

static void use_signals(void (*handler)(int))
{
	stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	in_malloc = raise_signal;
}

static void fork_in_same_memory(size_t size, bool is_after)
{
	pid_t child;

	if (size != WAY_BYTES)
		return;
	child = vfork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

static int child_body(void *arg)
{
	free(opaque(malloc(30)));
	return 0;
}

static void clone_in_same_memory(size_t size, bool is_after)
{
	if (size == WAY_BYTES)
		waitpid(clone(child_body, stacks[0] + STACK_BYTES, CLONE_VM | SIGCHLD, NULL), NULL,
			0);
}

static void call(int count)
{
	struct block block = {};

	for (int i = 0; i < count; i++) {
		do_malloc(&truth, &block, WAY_BYTES);
		do_free(&truth, &block);
	}
}

__attribute__((noinline)) static void call_and_be_left(void)
{
	for (volatile int i = 0; i < LEFT; i++)
		if (!sigsetjmp(back, 1))
			opaque(malloc(WAY_BYTES));
	in_malloc = NULL;
}

static bool go(const char *way)
{
	if (!strcmp(way, "swap") || !strcmp(way, "migrate")) {
		use_fibers(*way == 'm');
	} else if (!strcmp(way, "abandon")) {
		abandon_stacks();
	} else if (!strcmp(way, "jump")) {
		in_malloc = jump_away;
		call_and_be_left();
	} else if (!strcmp(way, "leave")) {
		use_signals(leave_handler);
		call_and_be_left();
	} else if (!strcmp(way, "signal")) {
		use_signals(allocate_in_handler);
		call(ROUNDS);
	} else if (!strcmp(way, "vfork") || !strcmp(way, "clone")) {
		in_malloc = *way == 'v' ? fork_in_same_memory : clone_in_same_memory;
		call(ROUNDS);
	} else {
		return false;
	}
	in_malloc = NULL;
	call(ROUNDS);
	return true;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	truth__open();
	if (!go(way))
		return 2;
	truth__close(&truth, false);
	dprintf(1, "%s: %llu calls returned\n", way, (unsigned long long)truth.alloc_count);
	return 7;
}
