/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Calls through inlined functions, built with -g1 too; each call's line says whose it is. */
#include <unistd.h>

#include "truth.h"

#define INLINED static inline __attribute__((always_inline))

static void *volatile kept;

INLINED void keep_block(size_t size)
{
	kept = malloc(size); /* line of keep_block */
}

INLINED void fill_row(int count)
{
	for (int i = 0; i < count; i++)
		keep_block(100); /* line of fill_row */
}

__attribute__((noinline)) static void fill_table(void)
{
	fill_row(50); /* line of fill_table */
	kept = malloc(7);
}

int main(void)
{
	fill_table();
	_exit(0);
}
