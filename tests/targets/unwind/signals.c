/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Allocations inside of signal handlers: on the thread's stack, on another, at any instruction. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "known_stack.h"
#include "shapes.h"

#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

NOINLINE void on_signal(int signal)
{
	KNOWN(on_signal);

	known_alloc();
	NO_TAIL_CALL();
}

/* A handler that is interrupted itself. */
NOINLINE void on_outer_signal(int signal)
{
	KNOWN(on_outer_signal);

	recurse(3);
	raise(SIGUSR2);
	NO_TAIL_CALL();
}

NOINLINE void on_fault(int signal, siginfo_t *info, void *context)
{
	KNOWN(on_fault);
	ucontext_t *interrupted = context;

	known_alloc();
#ifdef __x86_64__
	interrupted->uc_mcontext.gregs[REG_RIP] += 2; /* over the ud2 */
#else
	interrupted->uc_mcontext.pc += 4; /* over the udf */
#endif
}

/* asm_frames.S: its very first instruction is undefined, so that nothing has been saved yet. */
void fault_at_once(void);

NOINLINE void call_fault(void)
{
	KNOWN(call_fault);

	known_stack__enter(fault_at_once, "fault_at_once");
	fault_at_once();
	NO_TAIL_CALL();
}

NOINLINE void raise_signal(int signal)
{
	KNOWN(raise_signal);

	raise(signal);
	NO_TAIL_CALL();
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(signal, &action, NULL);
}

static void *run_thread(void *argument)
{
	known_stack__enter(run_thread, "run_thread");
	known_stack__set_label("thread");
	recurse(5);
	known_stack__set_label("signal in a thread");
	raise_signal(SIGUSR2);
	return NULL;
}

static void use_other_stack(void)
{
	stack_t stack = {.ss_size = 1 << 18};

	stack.ss_sp = mmap(
		NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
}

void run_signals(void)
{
	KNOWN(run_signals);
	struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	pthread_t thread;

	handle(SIGUSR2, on_signal, 0);
	known_stack__set_label("signal");
	raise_signal(SIGUSR2);
	use_other_stack();
	handle(SIGUSR2, on_signal, SA_ONSTACK);
	known_stack__set_label("signal on its own stack");
	raise_signal(SIGUSR2);
	handle(SIGUSR1, on_outer_signal, SA_ONSTACK);
	known_stack__set_label("signal in a signal");
	raise_signal(SIGUSR1);
	sigaction(SIGILL, &fault, NULL);
	known_stack__set_label("fault at the first instruction");
	call_fault();
	handle(SIGUSR2, on_signal, 0);
	pthread_create(&thread, NULL, run_thread, NULL);
	pthread_join(thread, NULL);
}
