/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A function that the loader resolves when it is first called, by asking a resolver in here: which
 * then runs inside of the loader's lazy binding, called from nothing but a PLT entry.
 */
#include "known_stack.h"

void (*resolver_hook)(void);

static int answer(void)
{
	return 42;
}

static int (*resolve_answer(void))(void)
{
	if (resolver_hook)
		resolver_hook();
	return answer;
}

int lazy_answer(void) __attribute__((ifunc("resolve_answer")));
