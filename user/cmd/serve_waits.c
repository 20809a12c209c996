/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_waits.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "blocked/look.h"
#include "cmd/contention_feed.h"
#include "serve/lane.h"

/* As memtrace contention: a ring full of waits in that time would be 300,000 a second. */
#define READ_MS 50
/* How often new targets are taken in. */
#define TAKE_NS 500000000ull

DEFINE_HASH_NUMBER(taken_map, pid_t, bool);

struct serve_waits {
	serve_pids_fn *pids;
	void *context;
	struct lane *lane;
	atomic_bool ends;
	uint64_t started_ns;
	pthread_mutex_t lock; /* guards: */
	struct watch_filter filter;
	struct contention_feed *feed;
	struct taken_map taken; /* value: it was still there when last looked */
	struct contention_report report;
};

static void forget_gone(struct serve_waits *waits)
{
	pid_list gone = {0};

	hash_for_each (slot, &waits->taken) {
		if (!slot->value)
			vec_push(&gone, slot->key);
	}
	vec_for_each (pid, &gone)
		taken_map__remove(&waits->taken, *pid, NULL);
	vec_free(&gone);
}

/* With the lock. The feed itself notices ends. */
static void take_targets(struct serve_waits *waits)
{
	struct error error = {0};
	pid_list pids = {0};

	if (waits->pids(waits->context, &pids))
		return;
	hash_for_each (slot, &waits->taken)
		slot->value = false;
	vec_for_each (pid, &pids) {
		bool is_new = !taken_map__find(&waits->taken, *pid);
		bool *is_there = taken_map__insert(&waits->taken, *pid);

		if (is_there)
			*is_there = true;
		if (is_new && contention_feed__add(waits->feed, *pid, &error))
			log__debug("process %d: its waits are not traced: %s", *pid, error.message);
	}
	forget_gone(waits);
	vec_free(&pids);
}

static void read_repeatedly(void *work)
{
	struct serve_waits *waits = work;
	struct pollfd fd = {.fd = contention_feed__fd(waits->feed), .events = POLLIN};
	uint64_t taken_ns = 0;

	setpriority(PRIO_PROCESS, syscall(SYS_gettid), 5);
	while (!atomic_load(&waits->ends)) {
		poll(&fd, 1, READ_MS);
		pthread_mutex_lock(&waits->lock);
		if (clock__now_ns() - taken_ns > TAKE_NS) {
			take_targets(waits);
			taken_ns = clock__now_ns();
		}
		contention_feed__read(waits->feed);
		pthread_mutex_unlock(&waits->lock);
	}
}

/* memtrace's own level of PID namespaces, which a look tells. */
static int find_level(unsigned int *level, struct error *error)
{
	struct looker *looker;
	struct look look;
	pid_t own = getpid();
	int err = looker__new(false, &looker, error);

	if (err)
		return err;
	err = looker__look(looker, &own, 1, &look, error);
	if (!err) {
		*level = looker__namespace_level(looker);
		look__free(&look);
	}
	looker__free(looker);
	return err;
}

static void free_waits(struct serve_waits *waits)
{
	contention_feed__free(waits->feed);
	taken_map__free(&waits->taken);
	pthread_mutex_destroy(&waits->lock);
	free(waits);
}

struct serve_waits *serve_waits__start(
	serve_pids_fn *pids, void *context, uint64_t memory_limit, struct error *error)
{
	struct serve_waits *waits = calloc(1, sizeof(*waits));
	struct contention_feed_options options = {.lines = true, .memory_limit = memory_limit};
	int err = waits ? 0 : error__set(error, -ENOMEM, "out of memory");

	if (err)
		return NULL;
	waits->pids = pids;
	waits->context = context;
	pthread_mutex_init(&waits->lock, NULL);
	options.filter = &waits->filter;
	err = find_level(&options.namespace_level, error);
	if (!err)
		err = contention_feed__new(&options, &waits->feed, error);
	if (!err)
		err = contention_feed__start(waits->feed, error);
	waits->started_ns = clock__now_ns();
	waits->report.start_unix_ns = clock__unix_ns();
	if (!err) {
		waits->lane = lane__start(1);
		if (waits->lane && !lane__push(waits->lane, read_repeatedly, waits))
			return waits;
		error__set(error, -ENOMEM, "cannot start a thread");
	}
	lane__stop(waits->lane, 1000);
	free_waits(waits);
	return NULL;
}

bool serve_waits__stop(struct serve_waits *waits, unsigned int limit_ms)
{
	if (!waits)
		return true;
	atomic_store(&waits->ends, true);
	if (!lane__stop(waits->lane, limit_ms))
		return false;
	free_waits(waits);
	return true;
}

const struct contention_report *serve_waits__lock(struct serve_waits *waits)
{
	if (!waits)
		return NULL;
	pthread_mutex_lock(&waits->lock);
	waits->report.model = contention_feed__model(waits->feed);
	waits->report.duration_ns = clock__now_ns() - waits->started_ns;
	contention_feed__losses(waits->feed, &waits->report.losses);
	return &waits->report;
}

void serve_waits__unlock(struct serve_waits *waits)
{
	pthread_mutex_unlock(&waits->lock);
}
