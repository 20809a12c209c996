/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/closer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/vec.h"

/* At 50 ms for each, 128 threads close 2,500 links in a second: 800 children that come and go. */
#define MAX_THREADS 128
#define THREAD_STACK_SIZE (64 << 10)

/* Descriptors that may wait; beyond, who brings more waits too. */
#define MAX_WAITING 2048

struct closer {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* fewer wait, or fewer threads are there */
	VEC(int) waiting;
	size_t threads;
};

struct closer *closer__new(void)
{
	struct closer *closer = calloc(1, sizeof(*closer));

	if (!closer)
		return NULL;
	pthread_mutex_init(&closer->lock, NULL);
	pthread_cond_init(&closer->changed, NULL);
	return closer;
}

static void *close_waiting(void *argument)
{
	struct closer *closer = argument;

	pthread_mutex_lock(&closer->lock);
	while (closer->waiting.size) {
		int fd = closer->waiting.data[--closer->waiting.size];

		pthread_cond_broadcast(&closer->changed);
		pthread_mutex_unlock(&closer->lock);
		close(fd);
		pthread_mutex_lock(&closer->lock);
	}
	closer->threads--;
	pthread_cond_broadcast(&closer->changed);
	pthread_mutex_unlock(&closer->lock);
	return NULL;
}

/* Called with the lock held. */
static bool start_thread(struct closer *closer)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int err;

	if (pthread_attr_init(&attributes))
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
	err = pthread_create(&thread, &attributes, close_waiting, closer);
	pthread_attr_destroy(&attributes);
	closer->threads += !err;
	return !err;
}

static void close_one(struct closer *closer, int fd)
{
	bool taken;

	pthread_mutex_lock(&closer->lock);
	while (closer->waiting.size >= MAX_WAITING)
		pthread_cond_wait(&closer->changed, &closer->lock);
	taken = !vec_push(&closer->waiting, fd);
	if (taken && closer->threads < MAX_THREADS && !start_thread(closer) && !closer->threads) {
		closer->waiting.size--;
		taken = false;
	}
	pthread_mutex_unlock(&closer->lock);
	if (!taken)
		close(fd);
}

void closer__close(struct closer *closer, const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close_one(closer, fds[i]);
}

void closer__free(struct closer *closer)
{
	if (!closer)
		return;
	pthread_mutex_lock(&closer->lock);
	while (closer->threads)
		pthread_cond_wait(&closer->changed, &closer->lock);
	pthread_mutex_unlock(&closer->lock);
	vec_free(&closer->waiting);
	pthread_cond_destroy(&closer->changed);
	pthread_mutex_destroy(&closer->lock);
	free(closer);
}
