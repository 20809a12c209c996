/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What the server's files share. All of it is the server's thread's, but for what says otherwise.
 */
#ifndef MEMTRACE_SERVE_SERVER_PRIVATE_H
#define MEMTRACE_SERVE_SERVER_PRIVATE_H

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <pthread.h>

#include "base/vec.h"
#include "serve/document.h"
#include "serve/lane.h"
#include "serve/server.h"
#include "serve/token.h"

/* A client that waits for an answer. */
struct waiting_client {
	struct evhttp_request *request;
	struct pending_answer *answer;
};

/* An answer that is being made. */
struct pending_answer {
	struct server *server;
	const struct route *route;
	struct request_query query;
	void *before;	     /* of a difference, once it has begun */
	struct event *timer; /* until it has lasted */
	bool has_begun;
	struct http_document *document; /* once it is made; NULL: no memory */
	VEC(struct waiting_client *) clients;
};

/*
 * A connection, by libevent's buffers for it, which are held beyond its end: that is how the server
 * learns of the end (connections.c).
 */
struct connection {
	struct bufferevent *buffers;
	uint64_t deadline_ns; /* 0: none, while its answer is being made */
};

struct server {
	struct server_options options;
	struct event_base *base;
	struct evhttp *http;
	struct evconnlistener *listener;
	struct event *wake;  /* wake_fd is readable */
	struct event *sweep; /* a look at the connections is due */
	int wake_fd;
	pthread_t thread;
	bool has_thread;
	struct lane *lanes[ROUTE_LANES];
	VEC(struct connection) connections;
	VEC(struct pending_answer *) answers; /* being made */
	VEC(struct pending_answer *) fresh;   /* made a moment ago, without clients */
	size_t differences;
	struct server_counts counts; /* atomic */

	pthread_mutex_t lock; /* guards what follows, which any thread may use */
	bool ends;
	bool wants_token;
	char token[TOKEN_SIZE];
	VEC(struct pending_answer *) done; /* by the lanes */
};

/* --- connections.c */

/* Has the connections of server->http counted, and ended at their deadlines. 0 or -ENOMEM. */
int connections__watch(struct server *server);

/* Its request has come: time does not count while the answer is made. */
void connections__pause(struct server *server, struct evhttp_request *request);
/* The answer is on its way. */
void connections__resume(struct server *server, struct evhttp_request *request);

void connections__close(struct server *server);

/* --- answers.c */

/* Has @request, whose query is @query, answered by @route, now or later. */
void answers__ask(struct server *server, const struct route *route,
	const struct request_query *query, struct evhttp_request *request);

/* Takes what the lanes have done. */
void answers__take_done(struct server *server);

/* Once no lane runs. */
void answers__free(struct server *server);

/* --- server.c */

/* Sends @document, or 503 without one. */
void server__send(
	struct server *server, struct evhttp_request *request, struct http_document *document);
void server__send_text(
	struct server *server, struct evhttp_request *request, int status, const char *text);

/* Wakes the server's thread. Any thread. */
void server__wake(struct server *server);

#endif
