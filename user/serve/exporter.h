/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Sends messages to a collector by HTTP POST, one after the other, on a thread of its own
 * (libevent's client; names are looked up by its resolver). A message waits in a bounded queue. It
 * is sent again, after pauses that double, where OTLP says that it may be: no connection, or status
 * 429, 502, 503 or 504. What is not delivered is counted by cause.
 */
#ifndef MEMTRACE_SERVE_EXPORTER_H
#define MEMTRACE_SERVE_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct exporter;

/* Messages that wait, at most; the oldest makes room. */
#define EXPORTER_QUEUE 64
/* After the first failure and at most. */
#define EXPORTER_PAUSE_MS 1000
#define EXPORTER_LONGEST_PAUSE_MS 60000
/* A message that is older than this is of no more use. */
#define EXPORTER_OLDEST_NS 300000000000ull
/* For the connection, and for the collector's answer. */
#define EXPORTER_TIMEOUT_SECONDS 10

enum export_loss {
	EXPORT_QUEUE_FULL = 0,
	EXPORT_REFUSED,	 /* the collector's status says that it will not take it */
	EXPORT_REJECTED, /* it was taken, but for so many points or profiles in it */
	EXPORT_TOO_OLD,
	EXPORT_LOSSES,
};

struct exporter_options {
	const char *endpoint; /* http://HOST[:PORT][/PATH]; the port is 4318 unless given */
	const char *type;     /* of the content; static */
	size_t queue_bytes;
	/* How much of a message a collector's answer says that it has not taken. */
	uint64_t (*rejected)(const void *answer, size_t size);
};

struct exporter_counts {
	uint64_t sent;
	uint64_t failures; /* attempts that are to be repeated */
	uint64_t losses[EXPORT_LOSSES];
	uint64_t waiting; /* messages */
};

/* Whether an endpoint is one: 0 or -EINVAL with @error set. */
int exporter__check(const char *endpoint, struct error *error);

/* NULL with @error set. */
struct exporter *exporter__start(const struct exporter_options *options, struct error *error);

/* Sends @size bytes at @data, of which it takes care, to the endpoint's @path, "/v1/metrics". Any
 * thread. */
void exporter__push(struct exporter *exporter, const char *path, void *data, size_t size);

/* Any thread. */
void exporter__count(struct exporter *exporter, struct exporter_counts *out);

/* What waits is lost. */
void exporter__stop(struct exporter *exporter);

#endif
