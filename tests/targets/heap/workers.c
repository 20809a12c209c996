/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * workers N REQUESTS: a server of N workers in turn, four at a time, each a fork of the master that
 * serves REQUESTS requests with memory of its own and of the master's, and ends. Prints the sum of
 * what they served.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ONCE 4

static char *serve_request(unsigned int number)
{
	char *answer = malloc(64 + number % 512);

	if (answer)
		snprintf(answer, 64, "request %u", number);
	return answer;
}

static unsigned int work(char *shared, unsigned int requests)
{
	unsigned int served = 0;

	for (unsigned int i = 0; i < requests; i++) {
		char *answer = serve_request(i);

		served += answer && !strncmp(answer, "request ", 8);
		free(answer);
	}
	free(shared);
	return served;
}

static int start_worker(int to, unsigned int requests)
{
	char *shared = strdup("the master's");
	unsigned int served;
	pid_t pid = fork();

	if (pid) {
		free(shared);
		return pid < 0 ? -1 : 0;
	}
	served = work(shared, requests);
	_exit(write(to, &served, sizeof(served)) != sizeof(served));
}

int main(int argc, char **argv)
{
	unsigned int count = argc > 2 ? atoi(argv[1]) : 0, requests = argc > 2 ? atoi(argv[2]) : 0;
	unsigned int running = 0, served, sum = 0;
	int pipes[2];

	if (!count || pipe(pipes))
		return 1;
	for (unsigned int i = 0; i < count || running; i++) {
		if (i < count && start_worker(pipes[1], requests))
			return 1;
		running += i < count;
		if (i < count && running < AT_ONCE)
			continue;
		if (read(pipes[0], &served, sizeof(served)) != sizeof(served) || wait(NULL) < 0)
			return 1;
		running--;
		sum += served;
	}
	printf("%u\n", sum);
	return 0;
}
