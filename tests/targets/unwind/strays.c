/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Stacks that no ordinary call has begun or continued: contexts of makecontext(3), a bad call. */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "known_stack.h"
#include "shapes.h"

#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static ucontext_t outside, inside;
static char stack[1 << 16];

NOINLINE void run_context(int depth, int unused)
{
	KNOWN(run_context);

	recurse(depth);
	swapcontext(&inside, &outside);
	recurse(depth);
	NO_TAIL_CALL();
}

/* Begins a context, and goes on with it once. */
static void use_context(ucontext_t *after)
{
	getcontext(&inside);
	inside.uc_stack.ss_sp = stack;
	inside.uc_stack.ss_size = sizeof(stack);
	inside.uc_link = after;
	makecontext(&inside, (void (*)(void))run_context, 2, 3, 4);
	swapcontext(&outside, &inside);
	swapcontext(&outside, &inside);
}

static sigjmp_buf way_out;

NOINLINE void on_bad_call(int signal)
{
	KNOWN(on_bad_call);

	known_alloc();
	siglongjmp(way_out, 1);
}

NOINLINE void call_nowhere(void)
{
	KNOWN(call_nowhere);
	void (*volatile nowhere)(void) = NULL;

	nowhere();
	NO_TAIL_CALL();
}

NOINLINE void call_badly(void)
{
	KNOWN(call_badly);

	signal(SIGSEGV, on_bad_call);
	if (!sigsetjmp(way_out, 1))
		call_nowhere();
}

int main(void)
{
	known_stack__open_gate();
	known_stack__set_label("context");
	use_context(&outside);
	{
		KNOWN(main);
		known_stack__set_label("call of a null pointer");
		call_badly();
	}
	known_stack__close_gate();
	return 0;
}
