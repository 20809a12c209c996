/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The malloc of gives_way.c as a preloaded library, which passes calls on by pointers from dlsym:
 * before the block is there it goes wherever the program says.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

extern void (*in_malloc)(size_t size, bool is_after) __attribute__((weak));

static void *(*real_malloc)(size_t);

__attribute__((constructor)) static void find_real(void)
{
	real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

/* Ends with a jump to the other, which is traced itself. */
void *malloc(size_t size)
{
	if (!real_malloc)
		find_real();
	if (&in_malloc && in_malloc)
		in_malloc(size, false);
	return real_malloc(size);
}
