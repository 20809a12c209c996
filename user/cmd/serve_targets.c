/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/serve_targets.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/confined.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "process/process.h"
#include "process/translated.h"

/* How long an ended process is kept by name: as long as its figures are (report/metrics.h). */
#define KEPT_NS 300000000000ull
/*
 * A young process may still become a match, by exec or by its move into a cgroup: it is looked at
 * in every scan. An old one that does is looked at in every third.
 */
#define YOUNG_NS 5000000000ull
#define OLD_EVERY 3
/* Of those that ended, so many are kept at most: more come and go in a busy build. */
#define KEPT_ENDED 256

/* A process that was looked at and is not traced. */
struct passed_process {
	uint64_t first_ns;
	uint32_t scan; /* the last that saw it */
	bool is_refused;
};

DEFINE_HASH_NUMBER(passed_map, pid_t, struct passed_process);

struct serve_targets {
	const struct serve_filter *filter;
	struct trace_targets targets;
	struct passed_map passed;
	served_list served;
	uint32_t scan;
	uint64_t refused;
};

struct serve_targets *serve_targets__new(
	const struct serve_filter *filter, const struct trace_targets *targets)
{
	struct serve_targets *out = calloc(1, sizeof(*out));

	if (out) {
		out->filter = filter;
		out->targets = *targets;
	}
	return out;
}

void serve_targets__free(struct serve_targets *targets)
{
	if (!targets)
		return;
	passed_map__free(&targets->passed);
	vec_free(&targets->served);
	free(targets);
}

/* --- what is traced, by name */

static void describe(struct served_process *served)
{
	struct container container;
	struct process_info info;

	if (!process__open(served->pid, &info, NULL)) {
		memcpy(served->comm, info.comm, sizeof(served->comm));
		snprintf(served->command, sizeof(served->command), "%s", info.command_line);
		process__close(&info);
	}
	if (container__of(served->pid, &container))
		return;
	snprintf(served->container, sizeof(served->container), "%.12s", container.id);
	memcpy(served->pod, container.pod, sizeof(served->pod));
}

static struct served_process *find_running(struct serve_targets *targets, pid_t pid)
{
	vec_for_each (served, &targets->served)
		if (served->pid == pid && !served->ended_ns)
			return served;
	return NULL;
}

void serve_targets__started(struct serve_targets *targets, pid_t pid)
{
	struct served_process served = {.pid = pid}, *known = find_running(targets, pid);

	served.process = tracer__image_of(targets->targets.tracer, pid);
	describe(&served);
	if (known)
		*known = served; /* another program by now */
	else if (vec_push(&targets->served, served))
		log__warn("out of memory: process %d is traced without a name", pid);
}

void serve_targets__exited(struct serve_targets *targets, pid_t pid)
{
	struct served_process *served = find_running(targets, pid);

	if (served)
		served->ended_ns = clock__now_ns();
}

/* Those that ended long ago, and the first of too many, leave. */
static void forget_ended(struct serve_targets *targets)
{
	uint64_t now = clock__now_ns();
	size_t kept = 0, ended = 0;

	vec_for_each (served, &targets->served)
		ended += served->ended_ns != 0;
	vec_for_each (served, &targets->served) {
		bool leaves = served->ended_ns &&
			      (ended > KEPT_ENDED || now - served->ended_ns > KEPT_NS);

		ended -= leaves;
		if (!leaves)
			targets->served.data[kept++] = *served;
	}
	targets->served.size = kept;
}

const struct served_process *serve_targets__list(const struct serve_targets *targets, size_t *count)
{
	*count = targets->served.size;
	return targets->served.data;
}

uint64_t serve_targets__refused(const struct serve_targets *targets)
{
	return targets->refused;
}

/* --- who matches */

static bool is_in_container(const struct serve_filter *filter, pid_t pid)
{
	struct container container;

	if (container__of(pid, &container))
		return false;
	vec_for_each (prefix, &filter->containers)
		if (container__matches(&container, *prefix))
			return true;
	return false;
}

/* Each kind of choice that was made must fit, and of one kind any. */
static bool is_wanted(const struct serve_filter *filter, pid_t pid)
{
	const struct watch_filter *processes = filter->processes;
	struct look_thread leader = {.pid = pid, .tid = pid};

	if ((processes->comms.size || processes->excluded.size) &&
		!process__read_comm(pid, leader.comm))
		return false;
	if (!watch_filter__wants(processes, &leader))
		return false;
	return !filter->containers.size || is_in_container(filter, pid);
}

/* --- the scan */

static int check_process(pid_t pid, struct error *error)
{
	const char *translator = translated__by(pid);

	if (translator)
		return error__set(error, -EOPNOTSUPP,
			"it runs under %s, so its heap cannot be seen from outside", translator);
	return confined__check(pid, error);
}

/* 0, -ESRCH where it has ended meanwhile, -EINVAL for a kernel thread, or another negative errno.
 */
static int attach(struct serve_targets *targets, pid_t pid, struct error *error)
{
	struct process_info info;
	int err = process__open(pid, &info, error);

	if (err)
		return err;
	err = check_process(pid, error);
	if (!err)
		err = trace_targets__add(&targets->targets, pid, info.comm, false, error);
	process__close(&info);
	/* Other processes' loaders wait for their probes meanwhile. */
	tracer__handle_control(targets->targets.tracer);
	return err;
}

static void take(struct serve_targets *targets, pid_t pid)
{
	struct error error = {0};
	struct passed_process *passed;
	int err = attach(targets, pid, &error);

	if (!err) {
		passed_map__remove(&targets->passed, pid, NULL);
		serve_targets__started(targets, pid);
		if (tracer__image_of(targets->targets.tracer, pid))
			log__status("attached to %d (%s)", pid,
				targets->served.data[targets->served.size - 1].comm);
		else
			serve_targets__exited(targets, pid);
		return;
	}
	if (err == -ESRCH)
		return;
	passed = passed_map__insert(&targets->passed, pid);
	if (passed)
		passed->is_refused = true;
	/* Kernel threads are no failure. */
	if (err == -EINVAL)
		return;
	targets->refused++;
	log__warn("process %d is not traced: %s", pid, error.message);
}

/* Whether the process is to be looked at in this scan. */
static bool is_due(struct serve_targets *targets, pid_t pid, uint64_t now)
{
	struct passed_process *passed = passed_map__insert(&targets->passed, pid);

	if (!passed)
		return false;
	if (!passed->first_ns)
		passed->first_ns = now;
	passed->scan = targets->scan;
	if (passed->is_refused)
		return false;
	return now - passed->first_ns < YOUNG_NS ||
	       (uint32_t)pid % OLD_EVERY == targets->scan % OLD_EVERY;
}

/* PIDs that are no longer there may be given out again. */
static void forget_passed(struct serve_targets *targets)
{
	VEC(pid_t) gone = {0};

	hash_for_each (slot, &targets->passed) {
		if (slot->value.scan != targets->scan && vec_push(&gone, slot->key))
			break;
	}
	vec_for_each (pid, &gone)
		passed_map__remove(&targets->passed, *pid, NULL);
	vec_free(&gone);
}

static void look_at(struct serve_targets *targets, pid_t pid, uint64_t now)
{
	if (pid == getpid() || find_running(targets, pid) ||
		tracer__image_of(targets->targets.tracer, pid))
		return;
	if (is_due(targets, pid, now) && is_wanted(targets->filter, pid))
		take(targets, pid);
}

void serve_targets__scan(struct serve_targets *targets)
{
	struct watch_filter *processes = targets->filter->processes;
	uint64_t now = clock__now_ns();
	struct dirent *entry;
	DIR *proc;
	int err;

	targets->scan++;
	forget_ended(targets);
	err = watch_filter__refresh(processes);
	/* A cgroup may come with its first process. */
	if (err && err != -ENOENT)
		log__warn("cannot read the cgroup %s: %s", processes->cgroup, strerror(-err));
	proc = opendir("/proc");
	if (!proc)
		return;
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(targets, atoi(entry->d_name), now);
	closedir(proc);
	forget_passed(targets);
}
