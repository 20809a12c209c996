/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The command of --on-deadlock: run without a shell, with a document on its stdin, one at a time
 * and for a bounded time. The watch goes on meanwhile.
 */
#ifndef MEMTRACE_CMD_WATCH_HOOK_H
#define MEMTRACE_CMD_WATCH_HOOK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vec.h"

/* Longer than that a command is not let run; it is killed then. */
#define HOOK_SECONDS 30
/* Documents that wait for their turn; more are dropped, with a warning. */
#define HOOK_QUEUE 64

struct hook {
	char *line;	  /* a copy of the command, cut into words */
	char **words;	  /* NULL at the end */
	VEC(int) waiting; /* files with the documents of later runs */
	pid_t running;	  /* 0: none */
	uint64_t deadline_ns;
};

/* Splits @command at spaces. Returns 0, -EINVAL for an empty one, or -ENOMEM. */
int hook__init(struct hook *hook, const char *command, struct error *error);

/* Gives the command @fd, an open file at its beginning, as stdin; now or when it is its turn. Takes
 * the fd over. */
void hook__run(struct hook *hook, int fd);

/* To be called now and then: reaps, kills what runs too long, starts what waits. */
void hook__poll(struct hook *hook);

/* Waits (bounded) for what runs, drops what waits. */
void hook__free(struct hook *hook);

#endif
