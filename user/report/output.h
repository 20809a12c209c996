/*
 * Where a report goes: stdout, or a file that appears whole or not at all (it is written beside its
 * place and renamed at the end).
 */
#ifndef MEMTRACE_REPORT_OUTPUT_H
#define MEMTRACE_REPORT_OUTPUT_H

#include "base/error.h"

#include <stdio.h>

struct output {
	FILE *file;
	char *path;	 /* NULL: stdout */
	char *temporary; /* NULL: written in place (stdout, a device, a pipe) */
};

/*
 * Says early whether output__open would work, leaving nothing behind. @path: NULL or "-" is stdout.
 * 0 or a negative errno with @err set.
 */
int output__check(const char *path, struct error *err);

/* Opens @output for writing; end it with output__commit or output__abort. 0 or negative errno. */
int output__open(struct output *output, const char *path, struct error *err);

/* Makes what was written appear under its name. On failure nothing has changed there. */
int output__commit(struct output *output, struct error *err);

/* Drops what was written. Also does no harm after a commit. */
void output__abort(struct output *output);

#endif
