/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A plugin of `turns`: all of them have one layout, and differ by the name of the function that
 * keeps the blocks (KEEP) and their SIZE.
 */
#include <stdlib.h>

void *volatile plugin_kept;

__attribute__((noinline)) void KEEP(void)
{
	plugin_kept = malloc(SIZE);
}

void plugin_work(void)
{
	for (int i = 0; i < 100; i++)
		KEEP();
}
