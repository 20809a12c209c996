/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "serve/exporter.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"

#define DEFAULT_PORT 4318
/* As the server's: after tracing and after what is traced. */
#define EXPORTER_NICE 5
/* A collector's answer is a few bytes. */
#define MOST_ANSWER_BYTES 65536

struct export_message {
	char path[256];
	void *data;
	size_t size;
	uint64_t made_ns;
};

struct exporter {
	struct exporter_options options;
	struct evhttp_uri *uri;
	struct event_base *base;
	struct evdns_base *names; /* NULL: the host is an address, or nobody resolves names */
	struct evhttp_connection *connection;
	struct event *wake;  /* wake_fd is readable */
	struct event *pause; /* a pause is over */
	int wake_fd;
	pthread_t thread;
	bool has_thread;
	bool is_sending; /* queue.data[0] */
	bool is_pausing;
	unsigned int failures; /* in a row */

	pthread_mutex_t lock; /* guards what follows */
	bool ends;
	VEC(struct export_message) queue; /* the oldest first */
	size_t queue_bytes;
	struct exporter_counts counts;
};

/* --- the endpoint */

static int refuse(const char *endpoint, const char *why, struct error *error)
{
	return error__set(error, -EINVAL, "--otlp %s: %s", endpoint, why);
}

static int check_uri(const struct evhttp_uri *uri, const char *endpoint, struct error *error)
{
	const char *scheme = uri ? evhttp_uri_get_scheme(uri) : NULL;
	const char *host = uri ? evhttp_uri_get_host(uri) : NULL;

	if (scheme && !strcasecmp(scheme, "https"))
		return refuse(endpoint,
			"TLS is not spoken: send to a collector or a proxy nearby, which does",
			error);
	if (!scheme || strcasecmp(scheme, "http") || !host || !*host)
		return refuse(endpoint, "not http://HOST[:PORT][/PATH]", error);
	if (evhttp_uri_get_query(uri) || evhttp_uri_get_userinfo(uri))
		return refuse(endpoint, "a query or a user name is not understood", error);
	return 0;
}

int exporter__check(const char *endpoint, struct error *error)
{
	struct evhttp_uri *uri = evhttp_uri_parse(endpoint);
	int err = check_uri(uri, endpoint, error);

	if (uri)
		evhttp_uri_free(uri);
	return err;
}

/* --- the queue; with the lock */

static void drop_message(struct exporter *exporter, size_t index)
{
	exporter->queue_bytes -= exporter->queue.data[index].size;
	free(exporter->queue.data[index].data);
	vec_splice(&exporter->queue, index, 1, 0);
}

/* Those that wait longest make room, but for the one that is on its way. */
static void make_room(struct exporter *exporter, size_t size)
{
	size_t first = exporter->is_sending;

	while (exporter->queue.size > first &&
		(exporter->queue.size >= EXPORTER_QUEUE ||
			exporter->queue_bytes + size > exporter->options.queue_bytes)) {
		drop_message(exporter, first);
		exporter->counts.losses[EXPORT_QUEUE_FULL]++;
	}
}

static void wake(struct exporter *exporter)
{
	uint64_t one = 1;

	(void)!write(exporter->wake_fd, &one, sizeof(one));
}

void exporter__push(struct exporter *exporter, const char *path, void *data, size_t size)
{
	const char *base = evhttp_uri_get_path(exporter->uri);
	struct export_message message = {.data = data, .size = size, .made_ns = clock__now_ns()};
	int length = base ? strlen(base) : 0;

	while (length && base[length - 1] == '/')
		length--;
	snprintf(message.path, sizeof(message.path), "%.*s%s", length, base ? base : "", path);
	pthread_mutex_lock(&exporter->lock);
	/* One that never fits costs no other its place. */
	if (size <= exporter->options.queue_bytes)
		make_room(exporter, size);
	if (exporter->queue_bytes + size > exporter->options.queue_bytes ||
		vec_push(&exporter->queue, message)) {
		exporter->counts.losses[EXPORT_QUEUE_FULL]++;
		free(data);
	} else {
		exporter->queue_bytes += size;
	}
	pthread_mutex_unlock(&exporter->lock);
	wake(exporter);
}

void exporter__count(struct exporter *exporter, struct exporter_counts *out)
{
	pthread_mutex_lock(&exporter->lock);
	*out = exporter->counts;
	out->waiting = exporter->queue.size;
	pthread_mutex_unlock(&exporter->lock);
}

/* --- sending; the exporter's thread */

static void send_next(struct exporter *exporter);

/* The message on its way is done with: @loss counts one more, unless it is EXPORT_LOSSES. */
static void finish(struct exporter *exporter, enum export_loss loss, uint64_t rejected)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->is_sending = false;
	drop_message(exporter, 0);
	exporter->counts.sent += loss == EXPORT_LOSSES;
	if (loss != EXPORT_LOSSES)
		exporter->counts.losses[loss]++;
	exporter->counts.losses[EXPORT_REJECTED] += rejected;
	pthread_mutex_unlock(&exporter->lock);
}

/* The pause doubles; which half of it is up to chance, so that many do not come at once. */
static void pause_sending(struct exporter *exporter, unsigned int least_ms)
{
	uint64_t ms = EXPORTER_PAUSE_MS, chance;
	struct timeval limit;

	for (unsigned int i = 1; i < exporter->failures && ms < EXPORTER_LONGEST_PAUSE_MS; i++)
		ms *= 2;
	if (ms > EXPORTER_LONGEST_PAUSE_MS)
		ms = EXPORTER_LONGEST_PAUSE_MS;
	evutil_secure_rng_get_bytes(&chance, sizeof(chance));
	ms = ms / 2 + chance % (ms / 2);
	if (ms < least_ms)
		ms = least_ms;
	limit = (struct timeval){ms / 1000, ms % 1000 * 1000};
	exporter->is_pausing = true;
	event_add(exporter->pause, &limit);
}

static void repeat_later(struct exporter *exporter, const char *why, unsigned int least_ms)
{
	if (!exporter->failures++)
		log__warn("cannot send to %s: %s; memtrace tries again", exporter->options.endpoint,
			why);
	pthread_mutex_lock(&exporter->lock);
	exporter->is_sending = false;
	exporter->counts.failures++;
	pthread_mutex_unlock(&exporter->lock);
	pause_sending(exporter, least_ms);
}

static bool may_be_repeated(int status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

static unsigned int retry_after_ms(struct evhttp_request *request)
{
	const char *text =
		evhttp_find_header(evhttp_request_get_input_headers(request), "Retry-After");
	long seconds = text ? strtol(text, NULL, 10) : 0;

	if (seconds <= 0)
		return 0;
	return seconds < EXPORTER_LONGEST_PAUSE_MS / 1000 ? seconds * 1000
							  : EXPORTER_LONGEST_PAUSE_MS;
}

static uint64_t count_rejected(struct exporter *exporter, struct evhttp_request *request)
{
	struct evbuffer *answer = evhttp_request_get_input_buffer(request);
	size_t size = evbuffer_get_length(answer);

	if (!size || size > MOST_ANSWER_BYTES || !exporter->options.rejected)
		return 0;
	return exporter->options.rejected(evbuffer_pullup(answer, -1), size);
}

static void handle_answer(struct evhttp_request *request, void *context)
{
	struct exporter *exporter = context;
	int status = request ? evhttp_request_get_response_code(request) : 0;
	char why[64];

	if (!status) {
		repeat_later(exporter, "no connection, or no answer in time", 0);
		return;
	}
	snprintf(why, sizeof(why), "it answers with status %d", status);
	if (may_be_repeated(status)) {
		repeat_later(exporter, why, retry_after_ms(request));
		return;
	}
	if (status / 100 == 2) {
		if (exporter->failures)
			log__status("sending to %s again", exporter->options.endpoint);
		exporter->failures = 0;
		finish(exporter, EXPORT_LOSSES, count_rejected(exporter, request));
	} else {
		log__warn("%s does not take what is sent: %s", exporter->options.endpoint, why);
		finish(exporter, EXPORT_REFUSED, 0);
	}
	send_next(exporter);
}

static void drop_old(struct exporter *exporter)
{
	uint64_t now = clock__now_ns();

	while (exporter->queue.size && now - exporter->queue.data[0].made_ns > EXPORTER_OLDEST_NS) {
		drop_message(exporter, 0);
		exporter->counts.losses[EXPORT_TOO_OLD]++;
	}
}

static void add_headers(struct exporter *exporter, struct evhttp_request *request)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	char host[512];
	int port = evhttp_uri_get_port(exporter->uri);

	snprintf(host, sizeof(host), "%s:%d", evhttp_uri_get_host(exporter->uri),
		port > 0 ? port : DEFAULT_PORT);
	evhttp_add_header(headers, "Host", host);
	evhttp_add_header(headers, "Content-Type", exporter->options.type);
	evhttp_add_header(headers, "User-Agent", "memtrace");
}

static struct evhttp_request *make_request(
	struct exporter *exporter, const struct export_message *message)
{
	struct evhttp_request *request = evhttp_request_new(handle_answer, exporter);

	if (!request)
		return NULL;
	add_headers(exporter, request);
	/* The message stays in the queue until there is an answer. */
	evbuffer_add_reference(evhttp_request_get_output_buffer(request), message->data,
		message->size, NULL, NULL);
	return request;
}

/*
 * Of a name's addresses libevent tries the first: a collector that listens on the other kind alone
 * is found by the next attempts.
 */
static void choose_family(struct exporter *exporter)
{
	static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};

	evhttp_connection_set_family(exporter->connection,
		families[exporter->failures % (sizeof(families) / sizeof(families[0]))]);
}

static void send_next(struct exporter *exporter)
{
	struct export_message message = {.size = 0};
	struct evhttp_request *request;
	bool has;

	if (exporter->is_sending || exporter->is_pausing)
		return;
	pthread_mutex_lock(&exporter->lock);
	drop_old(exporter);
	has = exporter->queue.size;
	if (has)
		message = exporter->queue.data[0];
	exporter->is_sending = has;
	pthread_mutex_unlock(&exporter->lock);
	if (!has)
		return;
	choose_family(exporter);
	request = make_request(exporter, &message);
	if (!request ||
		evhttp_make_request(exporter->connection, request, EVHTTP_REQ_POST, message.path))
		repeat_later(exporter, "out of memory", 0);
}

static void handle_pause(evutil_socket_t fd, short events, void *context)
{
	struct exporter *exporter = context;

	exporter->is_pausing = false;
	send_next(exporter);
}

static void handle_wake(evutil_socket_t fd, short events, void *context)
{
	struct exporter *exporter = context;
	uint64_t count;
	bool ends;

	(void)!read(fd, &count, sizeof(count));
	pthread_mutex_lock(&exporter->lock);
	ends = exporter->ends;
	pthread_mutex_unlock(&exporter->lock);
	if (ends)
		event_base_loopbreak(exporter->base);
	else
		send_next(exporter);
}

/* --- life */

static void *run_exporter(void *context)
{
	struct exporter *exporter = context;

	setpriority(PRIO_PROCESS, syscall(SYS_gettid), EXPORTER_NICE);
	event_base_dispatch(exporter->base);
	return NULL;
}

static int open_connection(struct exporter *exporter)
{
	int port = evhttp_uri_get_port(exporter->uri);

	exporter->base = event_base_new();
	if (!exporter->base)
		return -ENOMEM;
	/* Without a resolver an address still works. */
	exporter->names = evdns_base_new(exporter->base,
		EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	exporter->connection = evhttp_connection_base_new(exporter->base, exporter->names,
		evhttp_uri_get_host(exporter->uri), port > 0 ? port : DEFAULT_PORT);
	if (!exporter->connection)
		return -ENOMEM;
	evhttp_connection_set_timeout(exporter->connection, EXPORTER_TIMEOUT_SECONDS);
	evhttp_connection_set_max_body_size(exporter->connection, MOST_ANSWER_BYTES);
	return 0;
}

static int open_exporter(struct exporter *exporter)
{
	int err = open_connection(exporter);

	if (err)
		return err;
	exporter->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (exporter->wake_fd < 0)
		return -errno;
	exporter->wake = event_new(
		exporter->base, exporter->wake_fd, EV_READ | EV_PERSIST, handle_wake, exporter);
	exporter->pause = event_new(exporter->base, -1, 0, handle_pause, exporter);
	if (!exporter->wake || !exporter->pause || event_add(exporter->wake, NULL))
		return -ENOMEM;
	err = pthread_create(&exporter->thread, NULL, run_exporter, exporter);
	exporter->has_thread = !err;
	return -err;
}

struct exporter *exporter__start(const struct exporter_options *options, struct error *error)
{
	struct exporter *exporter = calloc(1, sizeof(*exporter));
	int err;

	if (!exporter) {
		error__set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	exporter->options = *options;
	exporter->wake_fd = -1;
	pthread_mutex_init(&exporter->lock, NULL);
	exporter->uri = evhttp_uri_parse(options->endpoint);
	err = check_uri(exporter->uri, options->endpoint, error);
	if (!err) {
		err = open_exporter(exporter);
		if (!err)
			return exporter;
		error__set(error, err, "cannot send to %s: %s", options->endpoint, strerror(-err));
	}
	exporter__stop(exporter);
	return NULL;
}

static void end_thread(struct exporter *exporter)
{
	if (!exporter->has_thread)
		return;
	pthread_mutex_lock(&exporter->lock);
	exporter->ends = true;
	pthread_mutex_unlock(&exporter->lock);
	wake(exporter);
	pthread_join(exporter->thread, NULL);
}

void exporter__stop(struct exporter *exporter)
{
	if (!exporter)
		return;
	end_thread(exporter);
	if (exporter->connection)
		evhttp_connection_free(exporter->connection);
	if (exporter->names)
		evdns_base_free(exporter->names, 0);
	if (exporter->wake)
		event_free(exporter->wake);
	if (exporter->pause)
		event_free(exporter->pause);
	if (exporter->wake_fd >= 0)
		close(exporter->wake_fd);
	if (exporter->base)
		event_base_free(exporter->base);
	if (exporter->uri)
		evhttp_uri_free(exporter->uri);
	vec_for_each (message, &exporter->queue)
		free(message->data);
	vec_free(&exporter->queue);
	pthread_mutex_destroy(&exporter->lock);
	free(exporter);
}
