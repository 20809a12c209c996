/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A worker: memtrace started once more, confined (sandbox.h), that answers one request at a time.
 * Requests and answers are messages of up to WORKER_MESSAGE_SIZE bytes, whose first four are a
 * number of their kind; a descriptor may go with each. What a worker answers is as little to be
 * trusted as what it parses. Any thread may start one, and then it is that thread's.
 *
 * It ends when its socket is closed, however memtrace ends. Signals of a terminal are not for it.
 */
#ifndef MEMTRACE_SANDBOX_WORKER_H
#define MEMTRACE_SANDBOX_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define WORKER_MESSAGE_SIZE (128u << 10)
/* Kinds from here on are a worker's questions in the midst of its work, answered by a descriptor.
 */
#define WORKER_QUESTION 0x80000000u

/* --- memtrace's side; one thread at a time */

struct worker;

struct worker_calls {
	/* Answers a question: a descriptor, which the worker's side gets and this closes, or
	 * -errno. */
	int (*asked)(void *context, const void *question, size_t size);
	void *context;
	uint64_t cpu_limit_ns; /* of the worker for one request; 0: 10 s */
};

/*
 * Starts @count workers for later: for a process that is about to give up execve(2). What is asked
 * for beyond them cannot be started then. 0 or a negative errno with @error set.
 */
int worker__keep_spares(const char *role, size_t count, struct error *error);

/*
 * Starts the worker @role (worker_roles in main.c), or takes a spare one. 0 or a negative errno
 * with
 * @error set.
 */
int worker__start(const char *role, const struct worker_calls *calls, struct worker **out,
	struct error *error);
void worker__stop(struct worker *worker);

/* Sends what is not answered, with the descriptor @fd unless that is negative. 0 or -errno. */
int worker__send(struct worker *worker, const void *message, size_t size, int fd);

/*
 * Sends a request, with the descriptor @fd unless that is negative, and waits for the answer, which
 * is written to @answer (WORKER_MESSAGE_SIZE bytes). Returns its size, or a negative errno: -EPIPE
 * where the worker has ended, -ETIMEDOUT where it took too long; it is of no more use then.
 */
ssize_t worker__call(struct worker *worker, const void *request, size_t size, int fd, void *answer);

/* How the worker ended, in words, after worker__call has failed. */
const char *worker__end(struct worker *worker);

/* --- the worker's side */

struct worker_role {
	const char *name;
	/* Serves requests until worker_side__receive fails. */
	void (*serve)(void);
};

/* Whether the program was started as a worker; if so it serves and does not return. */
void worker_side__run(int argc, char **argv, const struct worker_role *roles);

/* The next request, and the descriptor that came with it or -1: its size, or a negative errno. */
ssize_t worker_side__receive(void *request, int *fd);
int worker_side__answer(const void *answer, size_t size);

/* Puts a question; returns the descriptor that it is answered with, or a negative errno. */
int worker_side__ask(const void *question, size_t size);

#endif
