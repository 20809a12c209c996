/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * spin SECONDS [SEED-FILE]: malloc and free in a loop; every 100 ms appends to FILE the nanoseconds
 * that a pair took, so that a tester sees when it was slow and when it is fast again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static double measure_pair(uint64_t until)
{
	uint64_t start = now_ns(), now = start;
	unsigned long pairs = 0;

	while (now < until) {
		for (int i = 0; i < 100; i++)
			free(opaque(malloc(64)));
		pairs += 100;
		now = now_ns();
	}
	return (double)(now - start) / pairs;
}

int main(int argc, char **argv)
{
	uint64_t end = now_ns() + (argc > 1 ? atoi(argv[1]) : 10) * 1000000000ULL;
	char line[64];
	int fd, length;

	fd = argc > 2 ? open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644) : 1;
	while (now_ns() < end) {
		length = snprintf(line, sizeof(line), "%.1f\n", measure_pair(now_ns() + 100000000));
		if (write(fd, line, length) != length)
			return 1;
	}
	return 0;
}
