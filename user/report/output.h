/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Where a report goes: stdout, or a file that appears whole or not at all (base/new_file.h).
 */
#ifndef MEMTRACE_REPORT_OUTPUT_H
#define MEMTRACE_REPORT_OUTPUT_H

#include <stdio.h>

#include "base/error.h"
#include "base/new_file.h"

struct output {
	FILE *file;
	char *path; /* NULL: stdout */
	struct new_file written;
};

/*
 * Says early whether output__open would work, leaving nothing behind. @path: NULL or "-" is stdout.
 * 0 or a negative errno with @error set.
 */
int output__check(const char *path, struct error *error);

/* Opens @output for writing; end it with output__commit or output__abort. 0 or negative errno. */
int output__open(struct output *output, const char *path, struct error *error);

/*
 * Makes what was written appear under its name. On failure nothing has changed there. -EPIPE: a
 * pipe's reader is gone, who wants no more; @error is set for that as well.
 */
int output__commit(struct output *output, struct error *error);

/* 0, or why a write to @file has failed: -EPIPE where a pipe's reader is gone, else -EIO. */
int output__failure(FILE *file);

/* Drops what was written. Also does no harm after a commit. */
void output__abort(struct output *output);

#endif
