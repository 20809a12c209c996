/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/lane.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/vec.h"

struct lane_item {
	lane_work_fn *run;
	void *work;
};

struct lane {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* something waits, the lane is to end, or has ended */
	VEC(struct lane_item) waiting;
	size_t limit;
	bool ends;
	bool has_ended;
};

static void *run_lane(void *context)
{
	struct lane *lane = context;

	pthread_mutex_lock(&lane->lock);
	while (!lane->ends) {
		struct lane_item item;

		if (!lane->waiting.size) {
			pthread_cond_wait(&lane->changed, &lane->lock);
			continue;
		}
		item = lane->waiting.data[0];
		vec_splice(&lane->waiting, 0, 1, 0);
		pthread_mutex_unlock(&lane->lock);
		item.run(item.work);
		pthread_mutex_lock(&lane->lock);
	}
	lane->has_ended = true;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

struct lane *lane__start(size_t limit)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	pthread_condattr_t attributes;

	if (!lane)
		return NULL;
	lane->limit = limit;
	pthread_mutex_init(&lane->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&lane->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!pthread_create(&lane->thread, NULL, run_lane, lane))
		return lane;
	free(lane);
	return NULL;
}

int lane__push(struct lane *lane, lane_work_fn *run, void *work)
{
	struct lane_item item = {run, work};
	int err = -EAGAIN;

	pthread_mutex_lock(&lane->lock);
	if (lane->waiting.size < lane->limit && !lane->ends)
		err = vec_push(&lane->waiting, item);
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
	return err;
}

bool lane__stop(struct lane *lane, unsigned int limit_ms)
{
	struct timespec limit;
	int err = 0;

	if (!lane)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += limit_ms / 1000;
	limit.tv_nsec += limit_ms % 1000 * 1000000l;
	if (limit.tv_nsec >= 1000000000l) {
		limit.tv_nsec -= 1000000000l;
		limit.tv_sec++;
	}
	pthread_mutex_lock(&lane->lock);
	lane->ends = true;
	pthread_cond_broadcast(&lane->changed);
	while (!lane->has_ended && !err)
		err = pthread_cond_timedwait(&lane->changed, &lane->lock, &limit);
	pthread_mutex_unlock(&lane->lock);
	if (err)
		return false;
	pthread_join(lane->thread, NULL);
	pthread_cond_destroy(&lane->changed);
	pthread_mutex_destroy(&lane->lock);
	vec_free(&lane->waiting);
	free(lane);
	return true;
}
