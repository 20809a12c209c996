/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Stacks on the page about locks. Folded: what was called into the C library as one line, then the
 * application's frames, the middle of a long stack left out; or every frame with its module.
 */
#ifndef MEMTRACE_REPORT_LOCKS_STACK_H
#define MEMTRACE_REPORT_LOCKS_STACK_H

#include <stdio.h>

#include "locks/waits.h"

struct locks_stack_options {
	bool full;
	bool advises; /* names the option that shows more */
	const char *indent;
};

/* The stack of a wait, from the function that waits outwards. */
void locks_stack__print_wait(
	FILE *file, const struct lock_wait *wait, const struct locks_stack_options *options);

/* The stack of a thread that waits for no lock: samples, where it runs. */
void locks_stack__print_thread(
	FILE *file, const struct lock_thread *thread, const struct locks_stack_options *options);

#endif
