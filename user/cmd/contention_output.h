/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What a profile of contention is written as, and where: of a live run or of one that was kept. */
#ifndef MEMTRACE_CMD_CONTENTION_OUTPUT_H
#define MEMTRACE_CMD_CONTENTION_OUTPUT_H

#include <stdbool.h>

#include "base/error.h"
#include "report/contention.h"

/* Locks, functions and stacks that the text shows where nothing else is asked for. */
#define CONTENTION_TOP 10

typedef int contention_write_fn(
	const struct contention_report *report, enum contention_side side, FILE *file);

/* Text goes to stdout unless something else does. */
struct contention_output {
	bool json;
	const char *json_path;	     /* NULL: stdout */
	contention_write_fn *format; /* of -F; NULL: none */
	const char *path; /* of @format, NULL: stdout; without it, where the profile is kept */
	enum contention_side side; /* whose stacks @format writes */
};

/* The writer of the format of that name; NULL: there is none. */
contention_write_fn *contention_output__find_format(const char *name);

/* Says early whether the files can be written. 0 or a negative errno with @error set. */
int contention_output__check(const struct contention_output *options, struct error *error);

/* The same. */
int contention_output__write(const struct contention_output *options,
	const struct contention_report *report, struct error *error);

#endif
