/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * bench_load churn|rpc: a load that goes on until it is ended, and each second prints how much it
 * has got done: by the clock, and for each second of its own processor time, so that two runs can
 * be compared on a machine that others use as well.
 *
 *	churn	pairs of malloc and free, about a million a second
 *	rpc	requests between two threads over a socket, 18 pairs each, as of an RPC server
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 18
/* Some 20 us of a request's own work. */
#define WORK 20000
/* About 900 ns between a block's allocation and its end. */
#define CHURN_WORK 900

static volatile uint64_t sink;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static __attribute__((noinline)) void spend(int steps)
{
	for (int i = 0; i < steps; i++)
		sink = sink * 3 + i;
}

/* Counts one more, and tells once a second. */
static void count(void)
{
	static uint64_t done, told_at, told_cpu, told;
	uint64_t now, cpu;

	if (++done % 64)
		return;
	now = clock_ns(CLOCK_MONOTONIC);
	if (told_at && now - told_at < 1000000000)
		return;
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	if (told_at)
		printf("%.0f %.0f\n", (done - told) * 1e9 / (now - told_at),
			(done - told) * 1e9 / (cpu - told_cpu));
	fflush(stdout);
	told_at = now;
	told_cpu = cpu;
	told = done;
}

static void churn(void)
{
	for (uint64_t n = 0;; n++) {
		char *block = malloc(16 + n % 7 * 40);

		*block = n;
		spend(CHURN_WORK / 4);
		free(block);
		count();
	}
}

/* What parsing a request, its fields and its answer allocates. */
static void handle(const char *request, char *answer, size_t size)
{
	char *fields[PAIRS];

	for (int i = 0; i < PAIRS; i++) {
		fields[i] = malloc(24 + i * 20);
		snprintf(fields[i], 24, "%.20s", request);
	}
	spend(WORK / 4);
	snprintf(answer, size, "%s", fields[PAIRS - 1]);
	for (int i = 0; i < PAIRS; i++)
		free(fields[i]);
}

static void *serve(void *socket)
{
	char request[64], answer[64];
	int fd = *(int *)socket;

	while (read(fd, request, sizeof(request)) == sizeof(request)) {
		memset(answer, 0, sizeof(answer));
		handle(request, answer, sizeof(answer));
		if (write(fd, answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	return NULL;
}

static int rpc(void)
{
	char message[64] = "GET /sessions/17";
	pthread_t server;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) ||
		pthread_create(&server, NULL, serve, &fds[1]))
		return 1;
	for (;;) {
		if (write(fds[0], message, sizeof(message)) != sizeof(message) ||
			read(fds[0], message, sizeof(message)) != sizeof(message))
			return 1;
		count();
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "rpc") == 0)
		return rpc();
	if (argc > 1 && strcmp(argv[1], "churn") == 0)
		churn();
	fprintf(stderr, "bench_load churn|rpc\n");
	return 2;
}
