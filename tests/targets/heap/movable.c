/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Code for `moves`, which runs wherever it lies: it uses nothing outside itself. Both builds have
 * one layout, and differ by the function's name (THROUGH) and SIZE.
 */
#include <stddef.h>

void *THROUGH(void *(*allocate)(size_t))
{
	void *volatile block = allocate(SIZE);

	return block;
}
