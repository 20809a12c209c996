/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * plugins ROUNDS LIBRARY...: opens and closes the libraries in turn, ROUNDS times, with memory that
 * is used in between. Prints how many were opened.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 2 ? atoi(argv[1]) : 0, opened = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		for (int j = 2; j < argc; j++) {
			void *library = dlopen(argv[j], RTLD_NOW | RTLD_LOCAL),
			     *block = malloc(100 + j);

			opened += library != NULL;
			free(block);
			if (library)
				dlclose(library);
		}
	}
	printf("%u\n", opened);
	return opened != rounds * (argc - 2);
}
