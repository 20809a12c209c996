/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "sandbox/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sandbox/message.h"
#include "sandbox/sandbox.h"

/* For one request: the processor's time, which a loaded machine does not take from it; the clock's.
 */
#define CALL_CPU_NS 10000000000ull
#define CALL_WALL_NS 120000000000ull
#define POLL_MS 500

/* Kept for a process that may not execute programs any more. */
#define MAX_SPARES 16

struct worker {
	char role[16];
	struct worker_calls calls;
	pid_t pid;
	int socket;
	int listener; /* -1: its calls are not supervised */
	int status;   /* of wait(2), once it has ended */
	bool is_late;
};

static pthread_mutex_t spares_lock = PTHREAD_MUTEX_INITIALIZER;
static struct worker *spares[MAX_SPARES];

/* A slot that holds a spare of @role, or with NULL a free one. Under the lock. */
static struct worker **find_spare(const char *role)
{
	for (size_t i = 0; i < MAX_SPARES; i++)
		if (role ? spares[i] && strcmp(spares[i]->role, role) == 0 : !spares[i])
			return &spares[i];
	return NULL;
}

static struct worker *take_spare(const char *role)
{
	struct worker **slot, *worker = NULL;

	pthread_mutex_lock(&spares_lock);
	slot = find_spare(role);
	if (slot) {
		worker = *slot;
		*slot = NULL;
	}
	pthread_mutex_unlock(&spares_lock);
	return worker;
}

static bool put_spare(struct worker *worker)
{
	struct worker **slot;

	pthread_mutex_lock(&spares_lock);
	slot = find_spare(NULL);
	if (slot)
		*slot = worker;
	pthread_mutex_unlock(&spares_lock);
	return slot;
}

static int spawn(const char *role, int socket, pid_t *pid)
{
	char *const arguments[] = {"memtrace", WORKER_ARGUMENT, (char *)role, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int err;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	/* A terminal signals its foreground's process group. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attributes, 0);
	err = posix_spawn_file_actions_adddup2(&actions, socket, WORKER_FD);
	if (!err)
		err = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* The worker's first message says whether it is supervised, and brings the descriptor for it. */
static int greet(struct worker *worker)
{
	struct pollfd ready = {.fd = worker->socket, .events = POLLIN};
	uint32_t greeting;

	while (poll(&ready, 1, CALL_WALL_NS / 1000000) < 0)
		if (errno != EINTR)
			return -errno;
	if (message__receive(worker->socket, &greeting, sizeof(greeting), &worker->listener) !=
		sizeof(greeting))
		return -EPIPE;
	return 0;
}

static int start(const char *role, struct worker **out, struct error *error)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int ends[2], err;

	if (!worker)
		return error__set(error, -ENOMEM, "out of memory");
	*worker = (struct worker){.pid = -1, .listener = -1};
	snprintf(worker->role, sizeof(worker->role), "%s", role);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		err = -errno;
		free(worker);
		return error__set(error, err, "cannot make a socket: %s", strerror(-err));
	}
	worker->socket = ends[0];
	message__widen(ends[0]);
	message__widen(ends[1]);
	err = spawn(role, ends[1], &worker->pid);
	close(ends[1]);
	if (!err)
		err = greet(worker);
	if (err) {
		worker__stop(worker);
		return error__set(error, err, "cannot start memtrace's worker for %s: %s", role,
			strerror(-err));
	}
	*out = worker;
	return 0;
}

int worker__start(const char *role, const struct worker_calls *calls, struct worker **out,
	struct error *error)
{
	struct worker *worker = take_spare(role);
	int err = worker ? 0 : start(role, &worker, error);

	if (err)
		return err;
	worker->calls = *calls;
	*out = worker;
	return 0;
}

int worker__keep_spares(const char *role, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct worker *worker;
		int err = start(role, &worker, error);

		if (err)
			return err;
		if (!put_spare(worker)) {
			worker__stop(worker);
			return error__set(error, -ENOSPC, "too many spare workers");
		}
	}
	return 0;
}

static void reap(struct worker *worker)
{
	if (worker->pid <= 0)
		return;
	kill(worker->pid, SIGKILL);
	while (waitpid(worker->pid, &worker->status, 0) < 0 && errno == EINTR)
		;
	worker->pid = -1;
}

void worker__stop(struct worker *worker)
{
	if (!worker)
		return;
	reap(worker);
	if (worker->listener >= 0)
		close(worker->listener);
	close(worker->socket);
	free(worker);
}

static uint64_t cpu_ns(const struct worker *worker)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(worker->pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return used.tv_sec * 1000000000ull + used.tv_nsec;
}

/* A question is answered by a descriptor; without one the code says why not. */
static int answer_question(struct worker *worker, const void *question, size_t size)
{
	int fd = worker->calls.asked ? worker->calls.asked(worker->calls.context, question, size)
				     : -ENOSYS;
	int32_t code = fd < 0 ? fd : 0;
	int err = message__send(worker->socket, &code, sizeof(code), fd);

	if (fd >= 0)
		close(fd);
	return err;
}

/* One message of the worker's. Its size, if it is the answer; 0 after a question; -errno. */
static ssize_t take_message(struct worker *worker, void *answer)
{
	uint32_t kind;
	ssize_t size = message__receive(worker->socket, answer, WORKER_MESSAGE_SIZE, NULL);

	if (size < 0)
		return size;
	if (size < (ssize_t)sizeof(kind))
		return -EPIPE;
	memcpy(&kind, answer, sizeof(kind));
	if (!(kind & WORKER_QUESTION))
		return size;
	return answer_question(worker, answer, size);
}

static ssize_t wait_for_answer(struct worker *worker, void *answer)
{
	uint64_t cpu_limit =
		cpu_ns(worker) +
		(worker->calls.cpu_limit_ns ? worker->calls.cpu_limit_ns : CALL_CPU_NS);
	uint64_t limit = clock__now_ns() + CALL_WALL_NS;
	struct pollfd ready[2] = {{.fd = worker->socket, .events = POLLIN},
		{.fd = worker->listener, .events = POLLIN}};
	ssize_t size = 0;

	while (!size) {
		int count = poll(ready, 2, POLL_MS);

		if (count < 0 && errno != EINTR)
			return -errno;
		if (count > 0 && ready[1].revents & POLLIN)
			sandbox__answer(worker->listener, worker->pid);
		if (count > 0 && ready[1].revents & (POLLHUP | POLLERR))
			ready[1].fd = -1;
		if (count > 0 && ready[0].revents)
			size = take_message(worker, answer);
		else if (cpu_ns(worker) > cpu_limit || clock__now_ns() > limit)
			return -ETIMEDOUT;
	}
	return size;
}

int worker__send(struct worker *worker, const void *message, size_t size, int fd)
{
	return worker->pid > 0 ? message__send(worker->socket, message, size, fd) : -EPIPE;
}

ssize_t worker__call(struct worker *worker, const void *request, size_t size, int fd, void *answer)
{
	int err = worker__send(worker, request, size, fd);
	ssize_t got = err ? err : wait_for_answer(worker, answer);

	if (got < 0) {
		worker->is_late = got == -ETIMEDOUT;
		reap(worker);
	}
	return got;
}

const char *worker__end(struct worker *worker)
{
	if (worker->is_late)
		return "it took too long";
	if (WIFSIGNALED(worker->status) && WTERMSIG(worker->status) != SIGKILL)
		return strsignal(WTERMSIG(worker->status));
	return "it ended";
}
