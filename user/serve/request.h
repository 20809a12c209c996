/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The glue between a request's bytes and a route: pure, so that it can be fuzzed. What a query asks
 * beside the known keys is ignored, as Go's pprof handlers do.
 */
#ifndef MEMTRACE_SERVE_REQUEST_H
#define MEMTRACE_SERVE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Longer differences than this are a slip of the finger: two scrapes tell as much. */
#define REQUEST_MAX_SECONDS 300
/* Longer paths are in no table. */
#define REQUEST_PATH_SIZE 64

struct request_query {
	char path[REQUEST_PATH_SIZE]; /* without a slash at its end, but for "/" itself */
	uint32_t seconds;	      /* ?seconds=N; 0: the state now */
	pid_t pid;		      /* ?pid=N; 0: not given */
	bool open_metrics;	      /* the Accept header asks for OpenMetrics */
};

/*
 * Takes the target of a request ("/metrics?x=1") apart. 0, or -ENAMETOOLONG for a path that is no
 * route, or -EINVAL with *@why, static, for a value that makes no sense.
 */
int request__parse(const char *target, struct request_query *out, const char **why);

/* Whether a header "Accept" (NULL: none was sent) wants application/openmetrics-text. */
bool request__wants_open_metrics(const char *accept);

/*
 * Whether "Authorization" (NULL: none was sent) is "Bearer " and @token. How long it takes depends
 * on the lengths alone. An empty @token lets nobody in.
 */
bool request__is_authorized(const char *authorization, const char *token);

#endif
