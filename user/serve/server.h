/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * The HTTP server: libevent's evhttp on a thread of its own, over a table of routes. Answers are
 * made by the lanes' threads, so that a client waits for its own answer only, and tracing for none.
 *
 * Everything that a client can use up is bounded: connections, the time for a request and for
 * taking its answer, the size of a request, the answers that are being made, and the bytes of all
 * answers that clients have not taken yet. GET and HEAD alone are known. Each connection has one
 * request.
 */
#ifndef MEMTRACE_SERVE_SERVER_H
#define MEMTRACE_SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "serve/route.h"

/* Open at one time; more wait in the listening socket's queue. */
#define SERVER_CONNECTIONS 256
/* For all of a request's bytes, and for taking all of an answer: a slow phone has 100 kB/s. */
#define SERVER_REQUEST_SECONDS 10
#define SERVER_ANSWER_SECONDS 60
/* Without a byte sent or taken. */
#define SERVER_IDLE_SECONDS 10
#define SERVER_HEADER_BYTES 8192
/* GET has no body; what is sent all the same is read up to here. */
#define SERVER_BODY_BYTES 1024
/* Answers that wait to be made, in each lane. */
#define SERVER_WAITING 64
/* Differences (?seconds=) under way. */
#define SERVER_DIFFERENCES 16
/* An answer is given again to who asks for it within this time. */
#define SERVER_FRESH_NS 500000000ull

struct server;

struct server_options {
	int listener;		    /* a listening socket; the server closes it */
	const struct route *routes; /* static; the last has no path */
	void *context;		    /* of their functions */
	const char *token;	    /* NULL: none is asked for; copied */
	size_t answer_bytes;	    /* of all answers that exist: beyond, clients get 503 */
};

/* What clients did so far. */
struct server_counts {
	uint64_t requests;
	uint64_t refused; /* answered with a 4xx or 5xx status */
	uint64_t connections;
	uint64_t late; /* connections that took longer than they may */
};

/* NULL with @error set; the listener is closed. */
struct server *server__start(const struct server_options *options, struct error *error);

/* From now on this token, not longer than TOKEN_SIZE. Any thread. */
void server__set_token(struct server *server, const char *token);

/* Any thread. */
void server__count(const struct server *server, struct server_counts *out);

/*
 * Has @run called with @work on the thread of @lane, which is not ROUTE_AT_ONCE, after what waits
 * there. Any thread. 0, -EAGAIN where too much waits, -ENOMEM.
 */
int server__run(struct server *server, enum route_lane lane, void (*run)(void *work), void *work);

/*
 * Ends connections and threads. False: an answer was still being made after @limit_ms: then what
 * the routes' functions use must be left as it is.
 */
bool server__stop(struct server *server, unsigned int limit_ms);

#endif
