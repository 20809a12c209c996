/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Answers on their way: who asks for what is being made waits with the others, and who comes a
 * moment later gets the same. So however many clients there are, the model is read only so often.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "serve/server_private.h"

/* Answers that are kept for who comes a moment later. */
#define MAX_FRESH 16

/* --- made by a lane */

static int status_of(int err)
{
	switch (err) {
	case 0:
		return 200;
	case -EINVAL:
		return 400;
	case -ENOENT:
	case -ESRCH:
		return 404;
	case -ENOTSUP:
		return 501;
	case -EAGAIN:
		return 503;
	}
	return 500;
}

static struct http_document *fail(int err, const struct error *error)
{
	const char *message = *error->message ? error->message : strerror(-err);
	char *text = malloc(strlen(message) + 2);

	if (!text)
		return NULL;
	strcat(strcpy(text, message), "\n");
	return document__new(status_of(err), "text/plain; charset=utf-8", text, strlen(text));
}

static struct http_document *write_document(const struct pending_answer *answer)
{
	const struct route *route = answer->route;
	struct error error = {0};
	char *data = NULL;
	size_t size = 0;
	FILE *body = open_memstream(&data, &size);
	int err;

	if (!body)
		return NULL;
	err = route->write(
		answer->server->options.context, &answer->query, answer->before, body, &error);
	if (fclose(body) && !err)
		err = -ENOMEM;
	if (!err)
		return document__new(200,
			route->type_of ? route->type_of(&answer->query) : route->type, data, size);
	free(data);
	return fail(err, &error);
}

static void hand_back(struct pending_answer *answer)
{
	struct server *server = answer->server;

	pthread_mutex_lock(&server->lock);
	/* There is room: it was reserved when the answer was begun. */
	vec_push(&server->done, answer);
	pthread_mutex_unlock(&server->lock);
	server__wake(server);
}

static void begin_difference(void *work)
{
	struct pending_answer *answer = work;
	struct error error = {0};

	answer->before =
		answer->route->begin(answer->server->options.context, &answer->query, &error);
	answer->has_begun = true;
	if (!answer->before)
		answer->document = fail(error.code ? error.code : -ENOMEM, &error);
	hand_back(answer);
}

static void make_document(void *work)
{
	struct pending_answer *answer = work;

	answer->document = write_document(answer);
	hand_back(answer);
}

/* --- the rest is the server's thread's */

static void free_answer(struct pending_answer *answer)
{
	if (answer->before)
		answer->route->drop(answer->before);
	if (answer->timer)
		event_free(answer->timer);
	document__drop(answer->document);
	vec_for_each (client, &answer->clients)
		free(*client);
	vec_free(&answer->clients);
	free(answer);
}

static bool is_difference(const struct pending_answer *answer)
{
	return answer->query.seconds && answer->route->begin;
}

static bool is_same(const struct pending_answer *answer, const struct route *route,
	const struct request_query *query)
{
	return answer->route == route && !is_difference(answer) &&
	       answer->query.pid == query->pid &&
	       answer->query.open_metrics == query->open_metrics &&
	       (!query->seconds || !route->begin);
}

static void leave(struct evhttp_connection *connection, void *context)
{
	struct waiting_client *client = context;
	struct pending_answer *answer = client->answer;

	for (size_t i = 0; i < answer->clients.size; i++)
		if (answer->clients.data[i] == client) {
			vec_splice(&answer->clients, i, 1, 0);
			break;
		}
	free(client);
}

static int add_client(struct pending_answer *answer, struct evhttp_request *request)
{
	struct waiting_client *client = malloc(sizeof(*client));

	if (!client || vec_push(&answer->clients, client)) {
		free(client);
		return -ENOMEM;
	}
	*client = (struct waiting_client){request, answer};
	/* Called if the client goes away before it has its answer. */
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), leave, client);
	return 0;
}

static void answer_clients(struct server *server, struct pending_answer *answer)
{
	while (answer->clients.size) {
		struct waiting_client *client = answer->clients.data[--answer->clients.size];
		struct evhttp_request *request = client->request;

		evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
		free(client);
		server__send(server, request, answer->document);
	}
}

static void forget_stale(struct server *server)
{
	uint64_t now = clock__now_ns();
	size_t kept = 0;

	vec_for_each (each, &server->fresh) {
		if (now - (*each)->document->made_ns < SERVER_FRESH_NS)
			server->fresh.data[kept++] = *each;
		else
			free_answer(*each);
	}
	server->fresh.size = kept;
}

static void finish(struct server *server, struct pending_answer *answer)
{
	for (size_t i = 0; i < server->answers.size; i++)
		if (server->answers.data[i] == answer) {
			vec_splice(&server->answers, i, 1, 0);
			break;
		}
	answer_clients(server, answer);
	forget_stale(server);
	server->differences -= is_difference(answer);
	if (is_difference(answer) || !answer->document || server->fresh.size >= MAX_FRESH ||
		vec_push(&server->fresh, answer))
		free_answer(answer);
}

static void end_difference(evutil_socket_t fd, short events, void *context)
{
	struct pending_answer *answer = context;
	struct server *server = answer->server;

	if (!lane__push(server->lanes[answer->route->lane], make_document, answer))
		return;
	answer->document = fail(-EAGAIN, &(struct error){.message = "too many requests"});
	finish(server, answer);
}

/* The interval begins when the lane has its first figures. */
static void start_interval(struct server *server, struct pending_answer *answer)
{
	struct timeval interval = {.tv_sec = answer->query.seconds};

	answer->timer = evtimer_new(server->base, end_difference, answer);
	if (!answer->timer || evtimer_add(answer->timer, &interval))
		finish(server, answer);
}

void answers__take_done(struct server *server)
{
	for (;;) {
		struct pending_answer *answer = NULL;

		pthread_mutex_lock(&server->lock);
		if (server->done.size) {
			answer = server->done.data[0];
			vec_splice(&server->done, 0, 1, 0);
		}
		pthread_mutex_unlock(&server->lock);
		if (!answer)
			return;
		if (answer->before && !answer->document && !answer->timer)
			start_interval(server, answer);
		else
			finish(server, answer);
	}
}

/* 0, -EAGAIN, -ENOMEM. */
static int begin(struct server *server, struct pending_answer *answer)
{
	bool differs = is_difference(answer);
	int err;

	if (differs && server->differences >= SERVER_DIFFERENCES)
		return -EAGAIN;
	pthread_mutex_lock(&server->lock);
	err = vec_reserve(&server->done, server->answers.size + 2);
	pthread_mutex_unlock(&server->lock);
	if (err || vec_push(&server->answers, answer))
		return -ENOMEM;
	if (answer->route->lane == ROUTE_AT_ONCE) {
		make_document(answer);
		return 0;
	}
	err = lane__push(server->lanes[answer->route->lane],
		differs ? begin_difference : make_document, answer);
	if (err)
		server->answers.size--;
	else
		server->differences += differs;
	return err;
}

static struct pending_answer *find_answer(
	struct server *server, const struct route *route, const struct request_query *query)
{
	vec_for_each (answer, &server->answers)
		if (is_same(*answer, route, query))
			return *answer;
	return NULL;
}

static bool send_fresh(struct server *server, const struct route *route,
	const struct request_query *query, struct evhttp_request *request)
{
	forget_stale(server);
	vec_for_each (answer, &server->fresh) {
		if (!is_same(*answer, route, query))
			continue;
		server__send(server, request, (*answer)->document);
		return true;
	}
	return false;
}

void answers__ask(struct server *server, const struct route *route,
	const struct request_query *query, struct evhttp_request *request)
{
	struct pending_answer *answer = find_answer(server, route, query);

	if (answer) {
		if (add_client(answer, request))
			server__send(server, request, NULL);
		return;
	}
	if (send_fresh(server, route, query, request))
		return;
	if (document__bytes() > server->options.answer_bytes) {
		server__send_text(server, request, 503, "too many answers wait for slow clients\n");
		return;
	}
	answer = calloc(1, sizeof(*answer));
	if (!answer) {
		server__send(server, request, NULL);
		return;
	}
	*answer = (struct pending_answer){.server = server, .route = route, .query = *query};
	if (add_client(answer, request) || begin(server, answer)) {
		answer_clients(server, answer);
		free_answer(answer);
	}
}

void answers__free(struct server *server)
{
	vec_for_each (answer, &server->answers)
		free_answer(*answer);
	vec_for_each (answer, &server->fresh)
		free_answer(*answer);
	vec_free(&server->answers);
	vec_free(&server->fresh);
	vec_free(&server->done);
}
