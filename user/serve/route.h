/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the server answers: one table of paths. */
#ifndef MEMTRACE_SERVE_ROUTE_H
#define MEMTRACE_SERVE_ROUTE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "serve/request.h"

/* Which thread makes an answer. */
enum route_lane {
	ROUTE_REPORTS = 0, /* from the heap model, with names */
	ROUTE_LOOKS,	   /* by a look at processes, which takes longest */
	ROUTE_LANES,
	ROUTE_AT_ONCE = ROUTE_LANES, /* the server's own: a few microseconds */
};

struct route {
	const char *path;
	const char *method; /* HEAD goes with GET */
	const char *type;   /* Content-Type */
	const char *help;   /* what it is, for the page that lists them; NULL: not listed */
	enum route_lane lane;
	bool is_open; /* also without the token */
	/* Where the type depends on the request; NULL: it does not. */
	const char *(*type_of)(const struct request_query *query);
	/*
	 * Writes the body. @before: from begin, for a difference, else NULL. 0, or a negative errno
	 * with @error set, whose message is then the body: -EINVAL is 400, -ENOENT and -ESRCH 404,
	 * -ENOTSUP 501, -EAGAIN 503, others 500.
	 */
	int (*write)(void *context, const struct request_query *query, const void *before,
		FILE *body, struct error *error);
	/* What the difference of ?seconds= starts from, for drop; NULL with @error set. */
	void *(*begin)(void *context, const struct request_query *query, struct error *error);
	void (*drop)(void *before);
};

#endif
