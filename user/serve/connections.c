/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * evhttp has timeouts for silence, but none for a whole request, and no bound on connections. So
 * the server makes the buffers of each connection itself and keeps a reference: evhttp takes its
 * functions out of them when it frees the connection (bufferevent_free), which a look every now and
 * then sees. With BEV_OPT_CLOSE_ON_FREE the descriptor is closed when the last reference goes, and
 * not before: no other connection has its number meanwhile.
 */
#include <event2/bufferevent.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "serve/server_private.h"

#define SWEEP_MS 100

static bool has_ended(const struct connection *connection)
{
	bufferevent_data_cb read, write;
	bufferevent_event_cb event;

	bufferevent_getcb(connection->buffers, &read, &write, &event, NULL);
	return !event;
}

/* Whoever took too long finds the connection closed; evhttp finds it so, too, and frees it. */
static void end_late(struct server *server, struct connection *connection)
{
	connection->deadline_ns = 0;
	__atomic_fetch_add(&server->counts.late, 1, __ATOMIC_RELAXED);
	shutdown(bufferevent_getfd(connection->buffers), SHUT_RDWR);
}

static void plan_sweep(struct server *server)
{
	struct timeval interval = {.tv_usec = SWEEP_MS * 1000};

	if (!evtimer_pending(server->sweep, NULL))
		evtimer_add(server->sweep, &interval);
}

static void sweep(evutil_socket_t fd, short events, void *context)
{
	struct server *server = context;
	uint64_t now = clock__now_ns();
	size_t kept = 0;

	vec_for_each (connection, &server->connections) {
		if (has_ended(connection)) {
			bufferevent_decref(connection->buffers);
			continue;
		}
		if (connection->deadline_ns && connection->deadline_ns < now)
			end_late(server, connection);
		server->connections.data[kept++] = *connection;
	}
	server->connections.size = kept;
	__atomic_store_n(&server->counts.connections, kept, __ATOMIC_RELAXED);
	if (kept < SERVER_CONNECTIONS)
		evconnlistener_enable(server->listener);
	if (kept)
		plan_sweep(server);
}

static struct bufferevent *make_buffers(struct event_base *base, void *context)
{
	struct bufferevent *buffers = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct server *server = context;
	struct connection connection = {
		.buffers = buffers,
		.deadline_ns = clock__now_ns() + SERVER_REQUEST_SECONDS * 1000000000ull,
	};

	/* Room for all was reserved. */
	if (!buffers || vec_push(&server->connections, connection))
		return buffers;
	bufferevent_incref(buffers);
	__atomic_store_n(&server->counts.connections, server->connections.size, __ATOMIC_RELAXED);
	if (server->connections.size >= SERVER_CONNECTIONS)
		evconnlistener_disable(server->listener);
	plan_sweep(server);
	return buffers;
}

/* accept(2) fails, for want of descriptors: until connections have ended there is no use in trying.
 */
static void pause_listening(struct evconnlistener *listener, void *context)
{
	evconnlistener_disable(listener);
	plan_sweep(context);
}

int connections__watch(struct server *server)
{
	server->sweep = evtimer_new(server->base, sweep, server);
	if (!server->sweep || vec_reserve(&server->connections, SERVER_CONNECTIONS))
		return -1;
	evhttp_set_bevcb(server->http, make_buffers, server);
	evconnlistener_set_error_cb(server->listener, pause_listening);
	return 0;
}

static void set_deadline(
	struct server *server, struct evhttp_request *request, uint64_t deadline_ns)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	struct bufferevent *buffers =
		connection ? evhttp_connection_get_bufferevent(connection) : NULL;

	vec_for_each (each, &server->connections)
		if (each->buffers == buffers)
			each->deadline_ns = deadline_ns;
}

void connections__pause(struct server *server, struct evhttp_request *request)
{
	set_deadline(server, request, 0);
}

void connections__resume(struct server *server, struct evhttp_request *request)
{
	set_deadline(server, request, clock__now_ns() + SERVER_ANSWER_SECONDS * 1000000000ull);
}

void connections__close(struct server *server)
{
	if (server->sweep)
		event_free(server->sweep);
	vec_for_each (connection, &server->connections)
		bufferevent_decref(connection->buffers);
	vec_free(&server->connections);
}
