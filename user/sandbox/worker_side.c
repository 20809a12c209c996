/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/message.h"
#include "sandbox/sandbox.h"
#include "sandbox/worker.h"

/* Confines this process and hands over what it is supervised by. */
static int greet(void)
{
	uint32_t greeting = 0;
	int listener = sandbox__enter(), err;

	if (listener < 0)
		log__debug("the kernel gives no seccomp filter (%s): the worker has none",
			strerror(-listener));
	err = message__send(WORKER_FD, &greeting, sizeof(greeting), listener);
	if (listener >= 0)
		close(listener);
	return err;
}

/*
 * An exit handler would run what the parsers left behind, and the leak checker of a sanitized build
 * needs calls that the filter refuses.
 */
void worker_side__run(int argc, char **argv, const struct worker_role *roles)
{
	if (argc != 3 || strcmp(argv[1], WORKER_ARGUMENT) || fcntl(WORKER_FD, F_GETFD) < 0)
		return;
	for (; roles->name; roles++) {
		if (strcmp(argv[2], roles->name))
			continue;
		fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC);
		syscall(SYS_close_range, WORKER_FD + 1, ~0u, 0);
		if (!greet())
			roles->serve();
		_exit(0);
	}
}

ssize_t worker_side__receive(void *request, int *fd)
{
	return message__receive(WORKER_FD, request, WORKER_MESSAGE_SIZE, fd);
}

int worker_side__answer(const void *answer, size_t size)
{
	return message__send(WORKER_FD, answer, size, -1);
}

int worker_side__ask(const void *question, size_t size)
{
	int err = message__send(WORKER_FD, question, size, -1), fd;
	int32_t code;
	ssize_t got;

	if (err)
		return err;
	got = message__receive(WORKER_FD, &code, sizeof(code), &fd);
	if (got != sizeof(code))
		return got < 0 ? got : -EPIPE;
	return fd >= 0 ? fd : code < 0 ? code : -ENOENT;
}
