/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * shortlived THREADS: threads that live for a moment, a few at a time; some of their blocks are
 * freed by the main thread, some never. Creating a thread allocates too, inside the C library: the
 * truth is about the calls of this file, whose call sites are in this executable.
 */
#include <pthread.h>
#include <unistd.h>

#include "truth.h"

#define AT_ONCE 5
#define BLOCKS 20
#define MAX_THREADS 1000

struct life {
	struct truth truth;
	struct block left[2];
};

static struct life lives[MAX_THREADS];

static void *live(void *arg)
{
	struct life *life = arg;
	struct block b[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		do_malloc(&life->truth, &b[i], 10 + i);
	for (int i = 0; i < BLOCKS; i++)
		do_free(&life->truth, &b[i]);
	do_calloc(&life->truth, &life->left[0], 3, 100);
	do_malloc(&life->truth, &life->left[1], 77);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 100;
	pthread_t running[AT_ONCE];
	struct truth sum = {};

	if (threads > MAX_THREADS || threads % AT_ONCE)
		return 2;
	truth__open();
	for (int i = 0; i < threads; i += AT_ONCE) {
		for (int j = 0; j < AT_ONCE; j++) {
			lives[i + j].truth.thread = i + j + 1;
			if (pthread_create(&running[j], NULL, live, &lives[i + j]))
				return 1;
		}
		for (int j = 0; j < AT_ONCE; j++) {
			pthread_join(running[j], NULL);
			do_free(&sum, &lives[i + j].left[1]);
		}
	}
	for (int i = 0; i < threads; i++)
		truth__add(&sum, &lives[i].truth);
	truth__close(&sum, false);
	_exit(0);
}
