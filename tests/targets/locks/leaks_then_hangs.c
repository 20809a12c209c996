/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * leaks_then_hangs SECONDS: leaks 100 kB a second for so long, then two threads wait for each other
 * while the first one goes on leaking a little. Static, for images FROM scratch.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST 1000
#define PAUSE_US 10000

static pthread_mutex_t account_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t audit_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noinline)) static void remember_request(size_t size)
{
	void *request = malloc(size);

	memset(request, 1, size);
	__asm__ volatile("" : : "r"(request));
}

static void *transfer(void *unused)
{
	pthread_mutex_lock(&account_lock);
	sleep(1);
	pthread_mutex_lock(&audit_lock);
	return unused;
}

static void *audit(void *unused)
{
	pthread_mutex_lock(&audit_lock);
	sleep(1);
	pthread_mutex_lock(&account_lock);
	return unused;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10;
	pthread_t threads[2];

	for (int i = 0; i < seconds * (1000000 / PAUSE_US); i++) {
		remember_request(REQUEST);
		usleep(PAUSE_US);
	}
	pthread_create(&threads[0], NULL, transfer, NULL);
	pthread_create(&threads[1], NULL, audit, NULL);
	for (;;) {
		remember_request(REQUEST);
		usleep(PAUSE_US);
	}
}
