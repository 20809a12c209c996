/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * leak: a small server's life, for `make demo`. A dozen places allocate and give back what they
 * took; one, remember_session(), forgets a block per request in ten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE 64

struct session {
	char user[40];
	char *token;
	struct session *next;
};

struct request {
	char *path, *headers, *body;
	struct session *session;
};

static struct request *queue[QUEUE];
static unsigned long served;

static char *copy_text(const char *text, size_t room)
{
	char *copy = malloc(room);

	snprintf(copy, room, "%s", text);
	return copy;
}

static char *parse_headers(int n)
{
	char *headers = NULL;
	size_t length = 0;

	for (int i = 0; i < n % 7 + 1; i++) {
		headers = realloc(headers, length + 64);
		length += snprintf(headers + length, 64, "X-Header-%d: %d\n", i, n);
	}
	return headers;
}

static char *read_body(int n)
{
	return calloc(1, 100 + n % 900);
}

/* The leak: every tenth session is never linked anywhere. */
__attribute__((noinline)) static struct session *remember_session(int n)
{
	struct session *session = calloc(1, sizeof(*session));

	snprintf(session->user, sizeof(session->user), "user-%d", n);
	session->token = copy_text("token", 200);
	return session;
}

static void forget_session(struct session *session)
{
	free(session->token);
	free(session);
}

static struct request *accept_request(int n)
{
	struct request *request = malloc(sizeof(*request));

	request->path = copy_text("/index.html", 32);
	request->headers = parse_headers(n);
	request->body = read_body(n);
	request->session = remember_session(n);
	return request;
}

static void render_page(int n)
{
	char *page = malloc(2000 + n % 500);
	char *line = copy_text("<p>hello</p>", 64);

	page[0] = line[0];
	free(line);
	free(page);
}

static void finish_request(struct request *request)
{
	if (served++ % 10)
		forget_session(request->session);
	free(request->path);
	free(request->headers);
	free(request->body);
	free(request);
}

int main(int argc, char **argv)
{
	int requests = argc > 1 ? atoi(argv[1]) : 20000;
	struct timespec pause = {.tv_nsec = 100000};

	for (int n = 0; n < requests; n++) {
		struct request **slot = &queue[n % QUEUE];

		if (*slot)
			finish_request(*slot);
		*slot = accept_request(n);
		render_page(n);
		if (n % 16 == 0)
			nanosleep(&pause, NULL);
	}
	printf("%lu requests served\n", served);
	return 0;
}
