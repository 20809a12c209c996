/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* prefixed: uses an allocator under the prefix je_ (linked in, or from a library) beside malloc. */
#include <unistd.h>

#include "truth.h"

extern void *je_malloc(size_t size);
extern void je_free(void *address);
extern void *je_calloc(size_t count, size_t size);
extern void *je_realloc(void *address, size_t size);

int main(void)
{
	static struct block blocks[100];
	struct truth truth = {};

	truth__open();
	for (int i = 0; i < 100; i++)
		truth__alloc(&truth, &blocks[i], opaque(je_malloc(10 + i)), 10 + i);
	for (int i = 0; i < 100; i += 2)
		truth__realloc(&truth, &blocks[i], opaque(je_realloc(blocks[i].address, 300)), 300);
	for (int i = 0; i < 100; i += 3) {
		void *address = blocks[i].address;

		truth__free(&truth, &blocks[i]);
		je_free(address);
	}
	truth__alloc(&truth, &blocks[0], opaque(je_calloc(10, 20)), 200);
	truth__alloc(&truth, &blocks[3], opaque(je_malloc((size_t)1 << 40)), (size_t)1 << 40);
	truth__close(&truth, true);
	_exit(0);
}
