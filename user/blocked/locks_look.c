/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/locks_look.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"

/* Owners in processes that were not asked for are found one link of the chain per turn. */
#define MAX_TURNS 8
#define MAX_NEW_OWNERS 256
/* A cycle whose threads ran in between (a signal does it) must be seen on so many looks. */
#define MAX_LOOKS 5

typedef VEC(pid_t) pid_list;

/* One pass: what it saw and what that means. */
struct pass {
	struct blocked blocked;
	struct lock_findings findings;
	uint64_t taken_ns;
};

struct session {
	const struct locks_look_options *options;
	struct looker *looker;
	struct subjects *subjects;
	pid_list pids;
	const struct look *first; /* until it is used */
};

static void free_pass(struct pass *pass)
{
	findings__free(&pass->findings);
	blocked__free(&pass->blocked);
}

/* The parts of a pass point to each other. */
static void move_findings(
	struct lock_findings *to, const struct lock_findings *from, const struct snapshot *snapshot)
{
	*to = *from;
	to->snapshot = snapshot;
	to->graph.waits = &to->waits;
}

static void move_pass(struct pass *to, const struct pass *from)
{
	to->blocked = from->blocked;
	to->taken_ns = from->taken_ns;
	move_findings(&to->findings, &from->findings, &to->blocked.snapshot);
}

static bool is_listed(const pid_list *pids, pid_t pid)
{
	vec_for_each (known, pids)
		if (*known == pid)
			return true;
	return false;
}

/* Every process with a thread that waits for a lock, and those that we may not know this of (to be
 * counted); the threads stand in order of processes. */
static int list_all(struct session *session, const struct look *look)
{
	for (size_t i = 0; i < look->count; i++) {
		pid_t pid = look->threads[i].pid;
		pid_list *pids = &session->pids;

		if (pids->size && pids->data[pids->size - 1] == pid)
			continue;
		if (pid != getpid() &&
			(look->threads[i].flags & LOOK_DENIED ||
				blocked__waits(&look->threads[i])) &&
			!is_listed(pids, pid) && vec_push(pids, pid))
			return -ENOMEM;
	}
	return 0;
}

/* Stacks and verdicts of one look; then those of the processes that turned out to own locks. */
static int judge(
	struct session *session, const struct look *look, struct pass *out, struct error *error)
{
	for (int turn = 0;; turn++) {
		pid_t owners[MAX_NEW_OWNERS];
		size_t count;
		int err = blocked__build(look, session->subjects, session->pids.data,
			session->pids.size, &out->blocked, error);

		if (err)
			return err;
		err = findings__judge(&out->blocked.snapshot, &out->blocked.memory, &out->findings);
		if (err) {
			blocked__free(&out->blocked);
			return error__set(error, err, "out of memory");
		}
		out->taken_ns = look->taken_ns;
		count = findings__missing_owners(&out->findings, owners, MAX_NEW_OWNERS);
		if (!count || turn == MAX_TURNS)
			return 0;
		free_pass(out);
		for (size_t i = 0; i < count; i++)
			if (!is_listed(&session->pids, owners[i]) &&
				vec_push(&session->pids, owners[i]))
				return error__set(error, -ENOMEM, "out of memory");
	}
}

/* Looks and judges once. */
static int look_once(struct session *session, struct pass *out, struct error *error)
{
	bool all = session->options->all;
	const struct look *first = session->first;
	struct look look;
	int err;

	if (first) {
		session->first = NULL;
		return judge(session, first, out, error);
	}
	err = looker__look(session->looker, all ? NULL : session->pids.data,
		all ? 0 : session->pids.size, &look, error);
	if (err)
		return err;
	if (all && list_all(session, &look))
		err = error__set(error, -ENOMEM, "out of memory");
	if (!err)
		err = judge(session, &look, out, error);
	look__free(&look);
	return err;
}

/* Through /proc a look has the threads of the listed processes alone: those that it turned out to
 * need take another one. */
static int make_pass(struct session *session, struct pass *out, struct error *error)
{
	for (int turn = 0;; turn++) {
		size_t listed = session->pids.size;
		int err = look_once(session, out, error);

		if (err || session->pids.size == listed || session->options->all ||
			!looker__uses_proc(session->looker) || turn == MAX_TURNS)
			return err;
		free_pass(out);
	}
}

static void wait_until(uint64_t deadline_ns)
{
	struct timespec until = {
		.tv_sec = deadline_ns / 1000000000ull,
		.tv_nsec = deadline_ns % 1000000000ull,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Looks again until what was found is confirmed or gone; @pass is then the last look's. */
static int confirm(struct session *session, struct pass *pass, size_t *looks, struct error *error)
{
	bool again = findings__need_confirmation(&pass->findings);

	while (again && *looks < MAX_LOOKS) {
		struct pass next;
		int err;

		wait_until(pass->taken_ns + LOCKS_LOOK_APART_NS);
		err = make_pass(session, &next, error);
		if (err)
			return err;
		findings__confirm(&next.findings, &pass->findings, *looks > 1);
		free_pass(pass);
		move_pass(pass, &next);
		++*looks;
		again = !pass->findings.settled;
	}
	return 0;
}

static int open_session(struct session *session, struct locks_look *out, struct error *error)
{
	const struct locks_look_options *options = session->options;

	for (size_t i = 0; i < options->pid_count; i++)
		if (!is_listed(&session->pids, options->pids[i]) &&
			vec_push(&session->pids, options->pids[i]))
			return error__set(error, -ENOMEM, "out of memory");
	session->looker = options->looker;
	session->subjects = options->subjects;
	if (!session->looker) {
		int err = looker__new(options->proc_only, &out->own_looker, error);

		if (err)
			return err;
		session->looker = out->own_looker;
	}
	if (!session->subjects) {
		out->own_subjects = subjects__new(options->lines, error);
		if (!out->own_subjects)
			return -ENOMEM;
		session->subjects = out->own_subjects;
	}
	return 0;
}

static int check_readable(
	const struct session *session, const struct pass *pass, struct error *error)
{
	if (pass->blocked.snapshot.process_count)
		return 0;
	if (session->options->all && pass->blocked.unreadable)
		return error__set(error, -EPERM,
			"no permission to look at any process: run as root, or with CAP_BPF, "
			"CAP_PERFMON "
			"and CAP_SYS_PTRACE");
	if (session->options->all)
		return 0;
	for (size_t i = 0; i < session->options->pid_count; i++) {
		size_t count;

		if (snapshot__threads_of(
			    &pass->blocked.snapshot, session->options->pids[i], &count))
			return error__set(error, -EPERM,
				"process %d: no permission to read its memory or its waits: run as "
				"root, "
				"or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE",
				(int)session->options->pids[i]);
	}
	return error__set(error, -ESRCH, "process %d: no such process, or it has just exited",
		(int)session->options->pids[0]);
}

/* Chains' ends, and threads of a process without waits, whose pipes' other ends are named. */
#define MAX_DESCRIBED 64

static void describe_ends(struct locks_look *look)
{
	const struct snapshot *snapshot = &look->blocked.snapshot;
	const struct lock_findings *findings = &look->findings;
	size_t described = 0;

	for (size_t i = 0; i < findings->waits.size && described < MAX_DESCRIBED; i++)
		if (findings->graph.fates[i].end)
			described +=
				blocked__describe_end(&look->blocked, findings->graph.fates[i].end);
	for (size_t p = 0; p < snapshot->process_count; p++) {
		size_t count;
		const struct lock_thread *threads =
			snapshot__threads_of(snapshot, snapshot->processes[p].pid, &count);

		for (size_t i = 0; !findings->waits.size && i < count; i++)
			if (described < MAX_DESCRIBED)
				described += blocked__describe_end(&look->blocked, &threads[i]);
	}
}

/* Threads that run are sampled up to so many; each takes 30 ms. */
#define MAX_SAMPLED 4

static void sample_running(struct locks_look *look)
{
	const struct lock_findings *findings = &look->findings;
	const struct lock_thread *sampled[MAX_SAMPLED];
	size_t count = 0;

	for (size_t i = 0; i < findings->waits.size && count < MAX_SAMPLED; i++) {
		const struct lock_thread *end = findings->graph.fates[i].end;
		bool known = !end || end->state != 'R';

		for (size_t n = 0; n < count && !known; n++)
			known = sampled[n] == end;
		if (known)
			continue;
		blocked__sample(&look->blocked, end);
		sampled[count++] = end;
	}
}

int locks__look_at(
	const struct locks_look_options *options, struct locks_look *out, struct error *error)
{
	struct session session = {.options = options, .first = options->first};
	uint64_t begin = clock__now_ns();
	struct pass pass = {0};
	int err;

	*out = (struct locks_look){.looks = 1};
	err = open_session(&session, out, error);
	if (!err)
		err = make_pass(&session, &pass, error);
	if (!err)
		err = check_readable(&session, &pass, error);
	if (!err && !options->once)
		err = confirm(&session, &pass, &out->looks, error);
	vec_free(&session.pids);
	if (err) {
		free_pass(&pass);
		locks_look__free(out);
		return err;
	}
	out->blocked = pass.blocked;
	move_findings(&out->findings, &pass.findings, &out->blocked.snapshot);
	if (options->samples) {
		sample_running(out);
		describe_ends(out);
	}
	out->used_proc = looker__uses_proc(session.looker);
	out->took_ns = clock__now_ns() - begin;
	return 0;
}

void locks_look__free(struct locks_look *look)
{
	findings__free(&look->findings);
	blocked__free(&look->blocked);
	looker__free(look->own_looker);
	subjects__free(look->own_subjects);
	*look = (struct locks_look){0};
}
