/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Launching a command so that nothing of it is missed: a child is made that waits, probes are
 * attached to it and to the files that it will map, and only then does it become the command.
 */
#ifndef MEMTRACE_PROCESS_LAUNCH_H
#define MEMTRACE_PROCESS_LAUNCH_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct launch {
	pid_t pid;    /* of the waiting child, later of the command */
	char *path;   /* the program's file, found in PATH */
	char **files; /* the files it will map as code: program, loader, libraries; as paths */
	size_t file_count;
	int release_fd;
	int status_fd;
};

/*
 * Makes the waiting child for @argv (ends with NULL) and finds what it will map, by asking the
 * program's own loader (`ld.so --list`), which runs nothing of the program; a static program, or
 * one whose loader cannot list, has itself only. Returns 0, or a negative errno with @error set
 * (-ENOENT, -EACCES, -ENOEXEC as exec would say).
 */
int launch__prepare(char *const argv[], struct launch *out, struct error *error);

/*
 * Lets the child become the command, and does not wait for that: the new program may be held until
 * it has its probes. Returns 0, or a negative errno if the child is gone.
 */
int launch__release(struct launch *launch, struct error *error);

/* A negative errno with @error set if exec has failed; 0 if not, or not yet. To be asked once. */
int launch__check(struct launch *launch, struct error *error);

/* Ends a command that runs: by SIGTERM, after two seconds by SIGKILL. */
void launch__end(struct launch *launch);

/*
 * Frees what launch__prepare made. A child that was not released ends; a command that runs is left
 * alone.
 */
void launch__close(struct launch *launch);

#endif
