/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "cmd/watch_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

int hook__init(struct hook *hook, const char *command, struct error *error)
{
	size_t count = 0;
	char *rest;

	*hook = (struct hook){.line = strdup(command)};
	hook->words = calloc(strlen(command) / 2 + 2, sizeof(*hook->words));
	if (!hook->line || !hook->words)
		return error__set(error, -ENOMEM, "out of memory");
	for (char *word = strtok_r(hook->line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		hook->words[count++] = word;
	return count ? 0 : error__set(error, -EINVAL, "--on-deadlock: no command given");
}

/* In the child: nothing but the document on stdin, and signals as they are for any program. */
static void become_command(const struct hook *hook, int fd)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(fd, STDIN_FILENO);
	execvp(hook->words[0], hook->words);
	_exit(127);
}

static void start(struct hook *hook, int fd)
{
	pid_t child = fork();

	if (child == 0)
		become_command(hook, fd);
	close(fd);
	if (child < 0) {
		log__warn("cannot run %s: %s", hook->words[0], strerror(errno));
		return;
	}
	hook->running = child;
	hook->deadline_ns = clock__now_ns() + HOOK_SECONDS * 1000000000ull;
}

void hook__run(struct hook *hook, int fd)
{
	if (!hook->running) {
		start(hook, fd);
		return;
	}
	if (hook->waiting.size == HOOK_QUEUE || vec_push(&hook->waiting, fd)) {
		log__warn("%s is still busy; not run for this deadlock or hang", hook->words[0]);
		close(fd);
	}
}

static void report_status(const struct hook *hook, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		log__warn("%s could not be run", hook->words[0]);
	else if (WIFEXITED(status) && WEXITSTATUS(status))
		log__warn("%s ended with status %d", hook->words[0], WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		log__warn("%s was ended by signal %d", hook->words[0], WTERMSIG(status));
}

void hook__poll(struct hook *hook)
{
	int status;

	if (hook->running && waitpid(hook->running, &status, WNOHANG) == hook->running) {
		report_status(hook, status);
		hook->running = 0;
	}
	if (hook->running && clock__now_ns() > hook->deadline_ns) {
		log__warn("%s is still running after %d s: killed", hook->words[0], HOOK_SECONDS);
		kill(hook->running, SIGKILL);
		hook->deadline_ns = UINT64_MAX;
	}
	if (!hook->running && hook->waiting.size) {
		int fd = hook->waiting.data[0];

		vec_splice(&hook->waiting, 0, 1, 0);
		start(hook, fd);
	}
}

void hook__free(struct hook *hook)
{
	struct timespec pause = {.tv_nsec = 20000000};

	vec_for_each (fd, &hook->waiting)
		close(*fd);
	hook->waiting.size = 0;
	while (hook->running) {
		hook__poll(hook);
		if (hook->running)
			nanosleep(&pause, NULL);
	}
	vec_free(&hook->waiting);
	free(hook->words);
	free(hook->line);
}
