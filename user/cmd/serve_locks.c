/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_locks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "blocked/locks_look.h"
#include "blocked/watch_known.h"
#include "report/locks_json.h"
#include "serve/lane.h"

#define INTERVAL_NS 1000000000ull
/* Looks take no more than a fiftieth of a processor. */
#define SHARE 50

struct serve_locks {
	serve_pids_fn *pids;
	void *context;
	struct lane *lane;
	pthread_mutex_t lock; /* guards what follows but the state of the thread */
	struct looker *looker;
	struct subjects *subjects;
	struct known_findings known;
	struct locks_look *kept; /* the last; NULL: none yet */
	struct metrics_waits waits;

	pthread_mutex_t state; /* guards: */
	pthread_cond_t changed;
	bool ends;
};

static bool has_identity(
	const struct lock_findings *findings, const finding_list *list, uint64_t identity)
{
	vec_for_each (finding, list)
		if (finding__identity(findings, finding) == identity)
			return true;
	return false;
}

/* A finding is reported when it is new; one that is gone may be found again. */
static void report_new(struct serve_locks *locks, const struct lock_findings *findings)
{
	struct known_findings *known = &locks->known;
	finding_list list;

	if (finding__list(findings, &list))
		return;
	for (size_t i = known->list.size; i-- > 0;)
		if (!has_identity(findings, &list, known->list.data[i].identity))
			known__remove(known, i);
	vec_for_each (finding, &list) {
		const struct known_finding *added = known__add(&locks->known, findings, finding);

		if (!added)
			continue;
		locks->waits.found++;
		log__warn("%s", added->headline);
	}
	vec_free(&list);
}

static void take_look(struct serve_locks *locks, struct locks_look *look)
{
	struct metrics_waits *waits = &locks->waits;

	waits->looks++;
	waits->threads = look->findings.waits.size;
	waits->deadlocks = look->findings.deadlocks;
	waits->hangs = look->findings.hangs;
	waits->longest_ns = 0;
	vec_for_each (wait, &look->findings.waits)
		if (wait->thread->asleep_ns > waits->longest_ns)
			waits->longest_ns = wait->thread->asleep_ns;
	report_new(locks, &look->findings);
	if (locks->kept)
		locks_look__free(locks->kept);
	free(locks->kept);
	locks->kept = look;
}

/* Nothing is traced now: what was found is over. */
static void take_nothing(struct serve_locks *locks)
{
	locks->waits = (struct metrics_waits){
		.found = locks->waits.found, .looks = locks->waits.looks + 1};
	if (locks->kept)
		locks_look__free(locks->kept);
	free(locks->kept);
	locks->kept = NULL;
}

/* With the lock. 0 or a negative errno with @error set; -ESRCH: there is nobody to look at. */
static int look(struct serve_locks *locks, struct error *error)
{
	struct locks_look_options options = {
		.looker = locks->looker,
		.subjects = locks->subjects,
		.lines = SUBJECT_LINES_ALL,
	};
	struct locks_look *out = calloc(1, sizeof(*out));
	pid_list pids = {0};
	int err = out ? locks->pids(locks->context, &pids) : -ENOMEM;

	if (err)
		error__set(error, err, "out of memory");
	options.pids = pids.data;
	options.pid_count = pids.size;
	if (!err && !pids.size)
		err = error__set(error, -ESRCH, "no process is traced at the moment");
	if (!err)
		err = locks__look_at(&options, out, error);
	if (!err)
		take_look(locks, out);
	else
		free(out);
	if (err == -ESRCH)
		take_nothing(locks);
	vec_free(&pids);
	return err;
}

/* Whether the thread is to end. */
static bool pause_for(struct serve_locks *locks, uint64_t ns)
{
	uint64_t until = clock__now_ns() + ns;
	struct timespec limit = {until / 1000000000, until % 1000000000};
	bool ends;

	pthread_mutex_lock(&locks->state);
	while (!locks->ends && !pthread_cond_timedwait(&locks->changed, &locks->state, &limit))
		;
	ends = locks->ends;
	pthread_mutex_unlock(&locks->state);
	return ends;
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void look_repeatedly(void *work)
{
	struct serve_locks *locks = work;
	uint64_t pause_ns = INTERVAL_NS;

	setpriority(PRIO_PROCESS, syscall(SYS_gettid), 5);
	do {
		struct error error = {0};
		uint64_t cpu_ns = thread_cpu_ns();

		pthread_mutex_lock(&locks->lock);
		if (look(locks, &error) && error.code != -ESRCH)
			log__debug("cannot look at locks: %s", error.message);
		pthread_mutex_unlock(&locks->lock);
		pause_ns = (thread_cpu_ns() - cpu_ns) * SHARE;
	} while (!pause_for(locks, pause_ns > INTERVAL_NS ? pause_ns : INTERVAL_NS));
}

static void free_locks(struct serve_locks *locks)
{
	if (locks->kept)
		locks_look__free(locks->kept);
	free(locks->kept);
	known__free(&locks->known);
	subjects__free(locks->subjects);
	looker__free(locks->looker);
	pthread_cond_destroy(&locks->changed);
	pthread_mutex_destroy(&locks->state);
	pthread_mutex_destroy(&locks->lock);
	free(locks);
}

struct serve_locks *serve_locks__start(serve_pids_fn *pids, void *context, struct error *error)
{
	struct serve_locks *locks = calloc(1, sizeof(*locks));
	pthread_condattr_t attributes;

	if (!locks) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	locks->pids = pids;
	locks->context = context;
	pthread_mutex_init(&locks->lock, NULL);
	pthread_mutex_init(&locks->state, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&locks->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!looker__new(false, &locks->looker, error))
		locks->subjects = subjects__new(SUBJECT_LINES_ALL, error);
	if (locks->subjects) {
		locks->lane = lane__start(1);
		if (locks->lane && !lane__push(locks->lane, look_repeatedly, locks))
			return locks;
		error__set(error, -ENOMEM, "cannot start a thread");
	}
	lane__stop(locks->lane, 1000);
	free_locks(locks);
	return NULL;
}

bool serve_locks__stop(struct serve_locks *locks, unsigned int limit_ms)
{
	if (!locks)
		return true;
	pthread_mutex_lock(&locks->state);
	locks->ends = true;
	pthread_cond_broadcast(&locks->changed);
	pthread_mutex_unlock(&locks->state);
	if (!lane__stop(locks->lane, limit_ms))
		return false;
	free_locks(locks);
	return true;
}

struct metrics_waits serve_locks__waits(struct serve_locks *locks)
{
	struct metrics_waits waits = {0};

	if (!locks)
		return waits;
	pthread_mutex_lock(&locks->lock);
	waits = locks->waits;
	pthread_mutex_unlock(&locks->lock);
	return waits;
}

int serve_locks__write(struct serve_locks *locks, FILE *file, struct error *error)
{
	int err;

	pthread_mutex_lock(&locks->lock);
	err = look(locks, error);
	if (!err) {
		const struct locks_look *kept = locks->kept;
		struct locks_json_head head = {
			kept->looks, kept->took_ns, kept->used_proc, 0, NULL};

		locks_json__write(file, &kept->findings, &head, false);
	}
	pthread_mutex_unlock(&locks->lock);
	return err;
}

void serve_locks__write_more(struct json_writer *json, const void *context)
{
	/* The lock is taken, though nothing changes. */
	struct serve_locks *locks = (struct serve_locks *)context;

	if (!locks) {
		locks_json__put_none(json);
		return;
	}
	pthread_mutex_lock(&locks->lock);
	if (locks->kept)
		locks_json__put(json, &locks->kept->findings);
	else
		locks_json__put_none(json);
	pthread_mutex_unlock(&locks->lock);
}
