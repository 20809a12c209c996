/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * pauses COUNT [LIBRARY]: opens the library, or without one has a forked child end, COUNT times
 * between its gates, and takes the time of each. The file "pauses" gets the longest, the second
 * longest and the sum, in milliseconds.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_library(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	return library ? dlclose(library) : -1;
}

static int run_child(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(0);
	return waitpid(child, &status, 0) == child ? status : -1;
}

int main(int argc, char **argv)
{
	long longest = 0, second = 0, sum = 0;
	int count = argc > 1 ? atoi(argv[1]) : 0;
	struct truth truth = {};
	FILE *file;

	truth__open();
	for (int i = 0; i < count; i++) {
		long start = now_us(), pause;

		if (argc > 2 ? open_library(argv[2]) : run_child())
			return 5;
		pause = now_us() - start;
		sum += pause;
		second = pause > longest ? longest : pause > second ? pause : second;
		longest = pause > longest ? pause : longest;
	}
	file = fopen("pauses", "w");
	if (!file ||
		fprintf(file, "%ld %ld %ld\n", longest / 1000, second / 1000, sum / 1000) < 0 ||
		fclose(file))
		return 6;
	truth__close(&truth, false);
	return 0;
}
