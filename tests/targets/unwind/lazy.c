/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* An allocation inside of the loader's lazy binding: _dl_runtime_resolve keeps its CFA in rbx. */
#include "known_stack.h"

#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

extern void (*resolver_hook)(void);
int lazy_answer(void);

static NOINLINE void allocate(void)
{
	KNOWN(allocate);

	known_alloc();
	NO_TAIL_CALL();
}

NOINLINE int call_lazily(void)
{
	KNOWN(call_lazily);
	int result = lazy_answer();

	NO_TAIL_CALL();
	return result;
}

int main(void)
{
	KNOWN(main);
	int result;

	known_stack__open_gate();
	known_stack__set_label("lazy binding");
	resolver_hook = allocate;
	result = call_lazily();
	resolver_hook = 0;
	known_stack__close_gate();
	return result != 42;
}
