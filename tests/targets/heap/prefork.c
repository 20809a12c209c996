/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * prefork REQUESTS: a server whose master keeps 100 KiB and forks four workers; the third of them
 * leaks its answers, 200 bytes each. Its PID goes to standard output.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define WORKERS 4
#define LEAKY 2

static void *volatile kept;

__attribute__((noinline)) static void load_application(void)
{
	for (int i = 0; i < 100; i++)
		kept = malloc(1024);
}

__attribute__((noinline)) static void serve(bool leaks)
{
	void *answer = opaque(malloc(200));

	if (!leaks)
		free(answer);
}

int main(int argc, char **argv)
{
	int requests = argc > 1 ? atoi(argv[1]) : 0;

	load_application();
	for (int worker = 0; worker < WORKERS; worker++) {
		if (fork())
			continue;
		if (worker == LEAKY)
			dprintf(STDOUT_FILENO, "%d\n", getpid());
		for (int i = 0; i < requests; i++) {
			serve(worker == LEAKY);
			usleep(1000);
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
