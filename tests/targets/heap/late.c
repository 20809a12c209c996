/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * late LIBRARY PREFIX [ROUNDS]: opens a library with an allocator while it runs, and uses it at
 * once, again in each round. The loader allocates too: the truth is about the calls of this file.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "truth.h"

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[3]) : 1;
	struct truth truth = {};
	struct block b[100];
	char name[256];

	if (argc < 3)
		return 2;
	truth__open();
	for (int round = 0; round < rounds; round++) {
		void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
		void *(*allocate)(size_t);
		void (*release)(void *);

		if (!library)
			return 5;
		snprintf(name, sizeof(name), "%smalloc", argv[2]);
		*(void **)&allocate = dlsym(library, name);
		snprintf(name, sizeof(name), "%sfree", argv[2]);
		*(void **)&release = dlsym(library, name);
		if (!allocate || !release)
			return 6;
		for (int i = 0; i < 100; i++)
			truth__alloc(&truth, &b[i], opaque(allocate(30 + i)), 30 + i);
		for (int i = 0; i < 60; i++) {
			void *address = b[i].address;

			truth__free(&truth, &b[i]);
			release(address);
		}
	}
	truth__close(&truth, false);
	_exit(0);
}
