/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "serve/server_private.h"

/* Answers come after tracing and after what is traced. */
#define SERVER_NICE 5

/* --- sending */

static void add_headers(struct evhttp_request *request, const char *type, int status)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	/* One request for each connection: then its time can be bounded. */
	evhttp_add_header(headers, "Connection", "close");
	if (status == 401)
		evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
	if (status == 503)
		evhttp_add_header(headers, "Retry-After", "5");
}

static const char *reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 404:
		return "Not Found";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	}
	return "Internal Server Error";
}

static void send_buffer(struct server *server, struct evhttp_request *request, const char *type,
	int status, struct evbuffer *buffer)
{
	if (status >= 400)
		__atomic_fetch_add(&server->counts.refused, 1, __ATOMIC_RELAXED);
	connections__resume(server, request);
	add_headers(request, type, status);
	evhttp_send_reply(request, status, reason_of(status), buffer);
}

static void drop_reference(const void *data, size_t size, void *document)
{
	document__drop(document);
}

void server__send_text(
	struct server *server, struct evhttp_request *request, int status, const char *text)
{
	struct evbuffer *buffer = evbuffer_new();

	if (buffer)
		evbuffer_add(buffer, text, strlen(text));
	send_buffer(server, request, "text/plain; charset=utf-8", status, buffer);
	if (buffer)
		evbuffer_free(buffer);
}

void server__send(
	struct server *server, struct evhttp_request *request, struct http_document *document)
{
	struct evbuffer *buffer = document ? evbuffer_new() : NULL;

	if (!buffer) {
		server__send_text(server, request, 503, "too much to do, or no memory\n");
		return;
	}
	document__take(document);
	if (evbuffer_add_reference(
		    buffer, document->data, document->size, drop_reference, document))
		document__drop(document);
	send_buffer(server, request, document->type, document->status, buffer);
	evbuffer_free(buffer);
}

/* --- requests */

static const struct route *find_route(const struct server *server, const char *path)
{
	for (const struct route *route = server->options.routes; route->path; route++)
		if (!strcmp(route->path, path))
			return route;
	return NULL;
}

static bool is_authorized(struct server *server, struct evhttp_request *request)
{
	const char *header =
		evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");
	char token[TOKEN_SIZE];
	bool wants, is;

	pthread_mutex_lock(&server->lock);
	wants = server->wants_token;
	memcpy(token, server->token, sizeof(token));
	pthread_mutex_unlock(&server->lock);
	is = !wants || request__is_authorized(header, token);
	explicit_bzero(token, sizeof(token));
	return is;
}

static void handle_request(struct evhttp_request *request, void *context)
{
	const struct route *route = NULL;
	struct server *server = context;
	struct request_query query;
	const char *why;
	int err;

	__atomic_fetch_add(&server->counts.requests, 1, __ATOMIC_RELAXED);
	connections__pause(server, request);
	err = request__parse(evhttp_request_get_uri(request), &query, &why);
	if (!err || err == -EINVAL)
		route = find_route(server, query.path);
	/* Who has no token does not learn which paths there are. */
	if (!(route && route->is_open) && !is_authorized(server, request))
		server__send_text(server, request, 401, "a bearer token is needed\n");
	else if (!route)
		server__send_text(server, request, 404, "no such page: / lists them\n");
	else if (err)
		server__send_text(server, request, 400, why);
	else {
		query.open_metrics = request__wants_open_metrics(
			evhttp_find_header(evhttp_request_get_input_headers(request), "Accept"));
		answers__ask(server, route, &query, request);
	}
}

/* --- life */

void server__wake(struct server *server)
{
	uint64_t one = 1;

	/* Full, it wakes the thread as well. */
	(void)!write(server->wake_fd, &one, sizeof(one));
}

static void handle_wake(evutil_socket_t fd, short events, void *context)
{
	struct server *server = context;
	uint64_t count;
	bool ends;

	(void)!read(fd, &count, sizeof(count));
	answers__take_done(server);
	pthread_mutex_lock(&server->lock);
	ends = server->ends;
	pthread_mutex_unlock(&server->lock);
	if (ends)
		event_base_loopbreak(server->base);
}

static void *run_server(void *context)
{
	struct server *server = context;

	setpriority(PRIO_PROCESS, syscall(SYS_gettid), SERVER_NICE);
	event_base_dispatch(server->base);
	return NULL;
}

static void forward_log(int severity, const char *message)
{
	log__debug("libevent: %s", message);
}

static int open_http(struct server *server)
{
	server->http = evhttp_new(server->base);
	server->listener = evconnlistener_new(server->base, NULL, server,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, server->options.listener);
	if (!server->listener)
		close(server->options.listener);
	if (!server->http || !server->listener)
		return -ENOMEM;
	evhttp_set_max_headers_size(server->http, SERVER_HEADER_BYTES);
	evhttp_set_max_body_size(server->http, SERVER_BODY_BYTES);
	evhttp_set_timeout(server->http, SERVER_IDLE_SECONDS);
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_default_content_type(server->http, NULL);
	evhttp_set_gencb(server->http, handle_request, server);
	if (connections__watch(server))
		return -ENOMEM;
	/* The listener is evhttp's from here on. */
	return evhttp_bind_listener(server->http, server->listener) ? 0 : -ENOMEM;
}

static int open_server(struct server *server)
{
	int err;

	event_set_log_callback(forward_log);
	server->base = event_base_new();
	if (!server->base) {
		close(server->options.listener);
		return -ENOMEM;
	}
	err = open_http(server);
	if (err)
		return err;
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->wake_fd < 0)
		return -errno;
	server->wake =
		event_new(server->base, server->wake_fd, EV_READ | EV_PERSIST, handle_wake, server);
	if (!server->wake || event_add(server->wake, NULL))
		return -ENOMEM;
	for (int i = 0; i < ROUTE_LANES; i++) {
		server->lanes[i] = lane__start(SERVER_WAITING);
		if (!server->lanes[i])
			return -ENOMEM;
	}
	err = pthread_create(&server->thread, NULL, run_server, server);
	server->has_thread = !err;
	return -err;
}

struct server *server__start(const struct server_options *options, struct error *error)
{
	struct server *server = calloc(1, sizeof(*server));
	int err = -ENOMEM;

	if (!server) {
		close(options->listener);
		error__set(error, err, "out of memory");
		return NULL;
	}
	server->options = *options;
	server->wake_fd = -1;
	pthread_mutex_init(&server->lock, NULL);
	if (options->token)
		server__set_token(server, options->token);
	err = open_server(server);
	if (!err)
		return server;
	error__set(error, err, "cannot start the server: %s", strerror(-err));
	server__stop(server, 1000);
	return NULL;
}

void server__set_token(struct server *server, const char *token)
{
	pthread_mutex_lock(&server->lock);
	server->wants_token = true;
	strncpy(server->token, token, sizeof(server->token) - 1);
	pthread_mutex_unlock(&server->lock);
}

void server__count(const struct server *server, struct server_counts *out)
{
	out->requests = __atomic_load_n(&server->counts.requests, __ATOMIC_RELAXED);
	out->refused = __atomic_load_n(&server->counts.refused, __ATOMIC_RELAXED);
	out->connections = __atomic_load_n(&server->counts.connections, __ATOMIC_RELAXED);
	out->late = __atomic_load_n(&server->counts.late, __ATOMIC_RELAXED);
}

int server__run(struct server *server, enum route_lane lane, void (*run)(void *work), void *work)
{
	return lane__push(server->lanes[lane], run, work);
}

static void end_thread(struct server *server)
{
	if (!server->has_thread)
		return;
	pthread_mutex_lock(&server->lock);
	server->ends = true;
	pthread_mutex_unlock(&server->lock);
	server__wake(server);
	pthread_join(server->thread, NULL);
}

bool server__stop(struct server *server, unsigned int limit_ms)
{
	bool all = true;

	if (!server)
		return true;
	end_thread(server);
	for (int i = 0; i < ROUTE_LANES; i++)
		all &= lane__stop(server->lanes[i], limit_ms / ROUTE_LANES);
	if (!all)
		return false;
	/* Ends the connections, whose clients thereby leave the answers that they wait for. */
	if (server->http)
		evhttp_free(server->http);
	else if (server->listener)
		evconnlistener_free(server->listener);
	connections__close(server);
	answers__free(server);
	if (server->wake)
		event_free(server->wake);
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	if (server->base)
		event_base_free(server->base);
	pthread_mutex_destroy(&server->lock);
	free(server);
	return true;
}
